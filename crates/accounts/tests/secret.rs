//! The kept secret: one however many ask for it, and nobody else's to read.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use parlor_accounts::secret::{FILE_NAME, load_or_create};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn put(folder: &Path, text: &str, mode: u32) {
    let file = folder.join(FILE_NAME);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_is_made_once_for_its_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let secret = load_or_create(&folder).unwrap();
    assert_eq!(secret.len(), 32);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(FILE_NAME)), 0o600);
    assert_eq!(names(&folder), [FILE_NAME], "no draft stays behind");
    assert_eq!(load_or_create(&folder).unwrap(), secret);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(load_or_create(other.path()).unwrap(), secret);
}

#[test]
fn all_who_ask_at_once_get_the_same_secret() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = Barrier::new(8);
        let secrets: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let ask = || {
                start.wait();
                load_or_create(folder.path()).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(load_or_create(folder.path()).unwrap(), secrets[0]);
        assert_eq!(names(folder.path()), [FILE_NAME]);
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = "ab".repeat(32);
    for mode in [0o644, 0o640, 0o604] {
        put(folder.path(), &text, mode);
        let error = load_or_create(folder.path()).unwrap_err().to_string();
        assert!(error.contains(FILE_NAME) && error.contains("chmod 600"), "{error}");
        assert!(error.contains(&format!("{mode:04o}")) && !error.contains(&text), "{error}");
    }
    put(folder.path(), &text, 0o400);
    assert_eq!(load_or_create(folder.path()).unwrap(), [0xab; 32]);
}

#[test]
fn a_file_with_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "\n", "abcd", &"xy".repeat(32), &"a".repeat(65), &"é".repeat(32), &"ab".repeat(31)] {
        put(folder.path(), text, 0o600);
        let error = load_or_create(folder.path()).unwrap_err().to_string();
        assert!(error.contains("hexadecimal"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(FILE_NAME)).unwrap(), text);
    }
    put(folder.path(), &format!("  {}\n\n", "AB".repeat(40)), 0o600);
    assert_eq!(load_or_create(folder.path()).unwrap(), [0xab; 40]);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = load_or_create(&file.join("below")).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
