//! Makes the table of what is served: every file of `assets/` and `vendor/`, compressed once, under a version that is the
//! hash of them all. A page names the version, so that whatever it loads belongs together and may be kept for ever.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders that are served, and under which name.
const FOLDERS: &[(&str, &str)] = &[("assets", ""), ("vendor", "vendor/")];

type Files = BTreeMap<String, Vec<u8>>;

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut files = Files::new();
    for (folder, name) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root.join(folder), name, &mut files)?;
    }
    let version = version(&files);
    let pages: Files = files.extract_if(.., |name, _| is_page(name)).collect();
    let pages = pages.into_iter().map(|(name, bytes)| {
        let html = String::from_utf8(bytes).map_err(io::Error::other)?;
        Ok((name, page(&html, &version, &files).into_bytes()))
    });
    let pages = pages.collect::<io::Result<Files>>()?;
    let mut table = format!("pub(crate) const VERSION: &str = {version:?};\n");
    write_table("PAGES", &pages, &out, &mut table)?;
    write_table("ASSETS", &files, &out, &mut table)?;
    fs::write(out.join("table.rs"), table)
}

fn variable(name: &str) -> io::Result<std::ffi::OsString> {
    env::var_os(name).ok_or_else(|| io::Error::other(format!("{name} is not set")))
}

/// Reads what browsers load of a folder, and of the folders in it.
fn collect(folder: &Path, name: &str, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(last) = path.file_name().and_then(|it| it.to_str()) else { continue };
        if path.is_dir() {
            collect(&path, &format!("{name}{last}/"), files)?;
        } else if content_type(last).is_some() {
            files.insert(format!("{name}{last}"), fs::read(&path)?);
        }
    }
    Ok(())
}

/// What is no file for browsers has none.
fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// The first 64 bits of the hash of all names and contents, in hexadecimal.
fn version(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        for part in [name.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hexadecimal(&hash.finalize()[..8])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A page that names the version, and the modules that its script will ask for, so that they are fetched side by side.
fn page(html: &str, version: &str, files: &Files) -> String {
    let mut preload = String::new();
    if let Some((_, rest)) = html.split_once("<script type=\"module\" src=\"{{assets}}/")
        && let Some((entry, _)) = rest.split_once('"')
    {
        let mut modules = BTreeSet::new();
        find_modules(entry, files, &mut modules);
        modules.remove(entry);
        for module in modules {
            let _ = writeln!(preload, "<link rel=\"modulepreload\" href=\"/assets/{version}/{module}\">");
        }
    }
    html.replace("{{preload}}", &preload).replace("{{assets}}", &format!("/assets/{version}"))
}

/// The modules that a module imports, by itself or by others. Those that it may load later are not among them.
fn find_modules(name: &str, files: &Files, found: &mut BTreeSet<String>) {
    let Some(source) = files.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return };
    if !found.insert(name.to_owned()) {
        return;
    }
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let ours = !name.starts_with("vendor/");
    // Our own modules say it on lines of their own; minified ones in quotes without a space.
    let imported = source.split(if ours { " '" } else { "from\"" }).skip(1);
    for specifier in imported.filter_map(|rest| rest.split(['\'', '"']).next()) {
        if specifier.starts_with("./") || specifier.starts_with("../") {
            find_modules(&join(folder, specifier), files, found);
        }
    }
}

fn join(folder: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_page(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "html")
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// An eighth smaller, for who takes it: browsers do over TLS, and from their own machine.
fn brotli(mut bytes: &[u8]) -> io::Result<Vec<u8>> {
    let best = brotli::enc::BrotliEncoderParams { quality: 11, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut compressed, &best)?;
    Ok(compressed)
}

/// Writes the files with their compressed forms beside the table, and their lines into it.
fn write_table(table: &str, files: &Files, out: &Path, text: &mut String) -> io::Result<()> {
    let _ = writeln!(text, "pub(crate) static {table}: &[Asset] = &[");
    for (index, (name, bytes)) in files.iter().enumerate() {
        let forms = [("plain", bytes.clone()), ("gz", gzip(bytes)?), ("br", brotli(bytes)?)];
        let mut paths = Vec::new();
        for (form, bytes) in forms {
            let path = out.join(format!("{}-{index}.{form}", table.to_lowercase()));
            fs::write(&path, bytes)?;
            paths.push(path.display().to_string());
        }
        let etag = format!("\"{}\"", hexadecimal(&Sha256::digest(bytes)[..16]));
        let content_type = content_type(name).unwrap_or_default();
        let _ = writeln!(
            text,
            "    Asset {{ name: {name:?}, content_type: {content_type:?}, etag: {etag:?}, plain: \
             include_bytes!({:?}), gzip: include_bytes!({:?}), brotli: include_bytes!({:?}) }},",
            paths[0], paths[1], paths[2]
        );
    }
    text.push_str("];\n");
    Ok(())
}
