//! A static server for one directory, on this machine only: GET and HEAD, one request a connection.
//!
//! Any page may read what it serves (`Access-Control-Allow-Origin: *`): there is nothing but public files, and in a
//! frame with `sandbox="allow-scripts"` the page's own scripts come from another origin than itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use anyhow::{Context, Result};

/// A request line may be this long; the page's own are under 100 bytes.
const MAX_LINE_BYTES: usize = 4096;

/// A directory being served, as long as the process lives.
#[derive(Clone, Debug)]
pub struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    unplugged: Arc<AtomicBool>,
}

impl Site {
    /// Serves `dir` on `port`, 0 for any that is free.
    pub fn serve(dir: &Path, port: u16) -> Result<Site> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} is taken: choose another with --port"))?;
        let site = Site {
            address: listener.local_addr()?,
            asked: Arc::default(),
            unplugged: Arc::default(),
        };
        let dir: Arc<Path> = Arc::from(dir);
        let (asked, unplugged) = (Arc::clone(&site.asked), Arc::clone(&site.unplugged));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if unplugged.load(Ordering::Relaxed) {
                    continue;
                }
                let (dir, asked) = (Arc::clone(&dir), Arc::clone(&asked));
                // A browser that hangs up early is no news.
                thread::spawn(move || answer(stream, &dir, &asked).ok());
            }
        });
        Ok(site)
    }

    /// `http://localhost:8080/`
    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.address.port())
    }

    /// From now on hangs up on everybody, as a network that is gone.
    pub fn unplug(&self) {
        self.unplugged.store(true, Ordering::Relaxed);
    }

    /// Every request line's method and path so far, in order of arrival.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn answer(stream: TcpStream, dir: &Path, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    read_line(&mut reader, &mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method.is_empty() {
        return Ok(());
    }
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("{method} {path}"));
    let mut header = String::new();
    while read_line(&mut reader, &mut header)? > 2 {
        header.clear();
    }

    let (status, kind, body) = match (method, file(dir, path)) {
        ("GET" | "HEAD", Some(file)) => match fs::read(&file) {
            Ok(body) => ("200 OK", content_type(&file), body),
            Err(_) => (
                "404 Not Found",
                "text/plain",
                b"There is no such file here.\n".to_vec(),
            ),
        },
        ("GET" | "HEAD", None) => ("400 Bad Request", "text/plain", b"This is no path.\n".to_vec()),
        _ => (
            "405 Method Not Allowed",
            "text/plain",
            b"Only GET and HEAD.\n".to_vec(),
        ),
    };
    let mut stream = &stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len(),
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}

/// Reads one line, of at most [`MAX_LINE_BYTES`]. Gives the bytes read, with the line's end.
fn read_line(reader: &mut impl BufRead, line: &mut String) -> io::Result<usize> {
    let mut limited = io::Read::take(reader, MAX_LINE_BYTES as u64);
    limited.read_line(line)
}

/// The file a path names. `None`: it is no plain path below `dir`.
fn file(dir: &Path, path: &str) -> Option<PathBuf> {
    let path = path.split(['?', '#']).next()?.strip_prefix('/')?;
    let mut file = dir.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '%', ':']) {
            return None;
        }
        file.push(part);
    }
    Some(if file.is_dir() {
        file.join("index.html")
    } else {
        file
    })
}

fn content_type(file: &Path) -> &'static str {
    let types = BTreeMap::from([
        ("css", "text/css; charset=utf-8"),
        ("gz", "application/gzip"),
        ("html", "text/html; charset=utf-8"),
        ("ico", "image/x-icon"),
        ("js", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("txt", "text/plain; charset=utf-8"),
        ("wasm", "application/wasm"),
        ("webmanifest", "application/manifest+json"),
        ("woff2", "font/woff2"),
    ]);
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    types.get(ending).copied().unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn get(site: &Site, path: &str) -> String {
        let mut stream = TcpStream::connect(site.address).expect("a server");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn site() -> Site {
        Site::serve(&crate::root().join("xtask"), 0).expect("a free port")
    }

    #[test]
    fn a_file_is_served_with_its_length_and_no_cache() {
        let answer = get(&site(), "/Cargo.toml");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("Cache-Control: no-cache"), "{head}");
        assert!(head.contains("Access-Control-Allow-Origin: *"), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{head}"
        );
        assert!(body.starts_with("[package]"));
    }

    #[test]
    fn nothing_above_the_directory_is_served() {
        for path in [
            "/../Cargo.toml",
            "/src/../../Cargo.toml",
            "/%2e%2e/Cargo.toml",
            "/.git/config",
        ] {
            assert!(get(&site(), path).starts_with("HTTP/1.1 400 "), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_404() {
        assert!(get(&site(), "/nothing.js").starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn wasm_and_scripts_have_the_types_that_browsers_insist_on() {
        assert_eq!(content_type(Path::new("a/app_bg.wasm")), "application/wasm");
        assert_eq!(
            content_type(Path::new("app.js")),
            "text/javascript; charset=utf-8"
        );
    }

    #[test]
    fn what_was_asked_is_remembered_in_order() {
        let site = site();
        get(&site, "/a?b");
        get(&site, "/c");
        assert_eq!(site.asked(), ["GET /a?b", "GET /c"]);
    }
}
