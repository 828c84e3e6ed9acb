//! A server under test, as a child process: what it uses, and its certain end.

use crate::Result;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long a server may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running server. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first answer that says that it is ready.
    pub(crate) ready_after: Duration,
    /// Its working folder, with its log; gone with it.
    folder: TempDir,
}

impl Process {
    /// Starts `command` in `folder` and waits until `/health/ready` answers 200.
    pub(crate) async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Result<Self> {
        let log = folder.path().join("bench-server.log");
        let output = fs::File::create(&log)?;
        let started = Instant::now();
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or("the server has ended already")?;
        let mut process = Self { child, pid, address, ready_after: Duration::ZERO, folder };
        while !is_ready(address).await {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("the server ended with {status}:\n{}", process.log_tail()).into());
            }
            if started.elapsed() > READY_WITHIN {
                return Err(format!("not ready within {READY_WITHIN:?}:\n{}", process.log_tail()).into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        process.ready_after = started.elapsed();
        Ok(process)
    }

    /// Processor time that its threads have used, user and kernel.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(process.join("task"))? {
            // A thread may end between the listing and here.
            sum += scheduled(&task?.path()).unwrap_or_default();
        }
        if sum.is_zero() { ticks(&process) } else { Ok(sum) }
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most resident memory since [`Process::forget_peak`], in bytes. The kernel counts, so that nothing is missed.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// What there is from now on is the most that there was (`proc_pid_clear_refs(5)`).
    pub(crate) fn forget_peak(&self) -> Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such figure of memory")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Asks it to end, and waits for that. Its folder stays until this is dropped.
    pub(crate) async fn end(&mut self) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = timeout(READY_WITHIN, self.child.wait()).await??;
        if status.success() {
            Ok(())
        } else {
            Err(format!("ended with {status}:\n{}", self.log_tail()).into())
        }
    }

    /// Its working folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The end of its log, to explain a failure.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("bench-server.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    /// Ends it and waits a moment for that, so that its folder is nobody's any more when it is removed.
    fn drop(&mut self) {
        // It fails only where the process has ended already.
        let _ = self.child.start_kill();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Processor time that this thread has used, user and kernel.
pub(crate) fn thread_cpu() -> Result<Duration> {
    let thread = Path::new("/proc/thread-self");
    match scheduled(thread) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => ticks(thread),
    }
}

/// The time of a thread on a processor, which the scheduler counts to the nanosecond; none or zero where the kernel
/// does not tell.
fn scheduled(task: &Path) -> Option<Duration> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// The same of a process or thread in ticks of 10 ms.
fn ticks(task: &Path) -> Result<Duration> {
    let stat = fs::read_to_string(task.join("stat"))?;
    // The name in parentheses may hold anything, also spaces: fields are counted from its end.
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name in stat")?;
    let mut ticks = 0;
    for field in fields.split_whitespace().skip(11).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(ticks * 10))
}

async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer == *b"HTTP/1.1 200")
    };
    matches!(timeout(Duration::from_secs(2), ask).await, Ok(Ok(true)))
}

/// A port that nothing listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Copies the files in `from`, and its folders with theirs, to `to`.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
