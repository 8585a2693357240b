//! The program that drives the browser, as a child that ends with its owner.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use xtask::engines::Engine;

pub struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Starts it on a free port. `dir`: where it may write its output. On a busy machine chromedriver was once seen
    /// to be silent, so it is given a second and a third chance.
    pub fn start(engine: Engine, program: &Path, dir: &Path) -> Driver {
        let log = dir.join("driver.log");
        for _ in 0..3 {
            if let Some(driver) = Driver::attempt(engine, program, &log) {
                return driver;
            }
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        panic!(
            "{} was not ready within three times 20 s; it said: {said}",
            program.display()
        );
    }

    fn attempt(engine: Engine, program: &Path, log: &Path) -> Option<Driver> {
        // To a file, not a pipe: a pipe that nobody empties would stop it one day.
        let output = fs::File::create(log).expect("the driver's log");
        let errors = output.try_clone().expect("the driver's log");
        // WebKitWebDriver takes no 0 and says nothing, so it is told a port that was free a moment ago.
        let told = if engine == Engine::WebKit { free_port() } else { 0 };
        let child = Command::new(program)
            .arg(format!("--port={told}"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|why| panic!("{} does not start: {why}", program.display()));
        let mut driver = Driver { child, port: 0 };
        for _ in 0..1000 {
            let text = fs::read_to_string(log).unwrap_or_default();
            let port = match told {
                0 => port_in(&text),
                told => TcpStream::connect((Ipv4Addr::LOCALHOST, told)).ok().map(|_| told),
            };
            if let Some(port) = port {
                driver.port = port;
                return Some(driver);
            }
            if !matches!(driver.child.try_wait(), Ok(None)) {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Processor time of all processes of the browser, ms; `None` where there is no /proc.
    pub fn browser_cpu_ms(&self) -> Option<f64> {
        let ticks: u64 = self.processes()?.iter().map(|process| process.ticks).sum();
        // Linux counts in hundredths of a second (USER_HZ), whatever the kernel's own clock.
        Some(ticks as f64 * 10.0)
    }

    /// Memory that the browser's processes hold for themselves, in bytes; pages of 4 KiB.
    pub fn browser_bytes(&self) -> Option<u64> {
        let pages: u64 = self.processes()?.iter().map(|process| process.own_pages()).sum();
        Some(pages * 4096)
    }

    /// The driver's children, and theirs.
    fn processes(&self) -> Option<Vec<Process>> {
        let mut processes: Vec<Process> = Vec::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            processes.extend(Process::parse(&stat));
        }
        let mut ours = vec![self.child.id()];
        let mut found = Vec::new();
        while let Some(parent) = ours.pop() {
            let (children, others): (Vec<_>, Vec<_>) = processes
                .into_iter()
                .partition(|process| process.parent == parent);
            ours.extend(children.iter().map(|child| child.id));
            found.extend(children);
            processes = others;
        }
        Some(found)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Process {
    id: u32,
    parent: u32,
    /// Time in user and in kernel mode, of all its threads.
    ticks: u64,
}

impl Process {
    /// Resident pages less those that are shared, from /proc/PID/statm; 0 if the process is gone.
    fn own_pages(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.id)).unwrap_or_default();
        let pages = |i: usize| statm.split(' ').nth(i)?.parse::<u64>().ok();
        pages(1)
            .zip(pages(2))
            .map_or(0, |(all, shared)| all.saturating_sub(shared))
    }

    /// A line of /proc/PID/stat: `12 (a name) S 1 …`, utime and stime as fields 14 and 15 (proc(5)).
    fn parse(stat: &str) -> Option<Process> {
        let (id, rest) = stat.split_once(" (")?;
        // The name may hold anything, brackets too.
        let fields: Vec<&str> = rest.rsplit_once(") ")?.1.split(' ').collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        Some(Process {
            id: id.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
        })
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// `ChromeDriver was started successfully on port 41231.`, or geckodriver's `… Listening on 127.0.0.1:41231`.
fn port_in(text: &str) -> Option<u16> {
    let after = ["successfully on port ", "Listening on 127.0.0.1:"]
        .iter()
        .find_map(|before| Some(text.split_once(before)?.1))?;
    let end = after.find(|c: char| !c.is_ascii_digit())?;
    after[..end].parse().ok()
}
