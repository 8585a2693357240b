//! A server of language models, asked over HTTP: which one it is, the start and the stop of its profiler, requests.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Value, json};
use ureq::http::{HeaderName, HeaderValue, header::LOCATION};
use ureq::{Agent, Timeout};

use stepscope::base::show;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For questions that a server answers at once.
const QUICK: Option<Duration> = Some(Duration::from_secs(30));
pub const START: &str = "/start_profile";
pub const STOP: &str = "/stop_profile";
/// What is read of an answer, at most.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// Characters of an answer that are shown.
const SHOWN_CHARS: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Vllm,
    Sglang,
    /// It speaks the same interface, or stands before one that does.
    Other,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Vllm => "vLLM",
            Kind::Sglang => "SGLang",
            Kind::Other => "a server that is neither known as vLLM nor as SGLang",
        }
    }

    /// Environment variables that name the folder of its traces.
    pub fn folder_variables(self) -> &'static [&'static str] {
        match self {
            Kind::Vllm => &["VLLM_TORCH_PROFILER_DIR"],
            Kind::Sglang => &["SGLANG_TORCH_PROFILER_DIR"],
            Kind::Other => &["VLLM_TORCH_PROFILER_DIR", "SGLANG_TORCH_PROFILER_DIR"],
        }
    }
}

#[derive(Clone)]
pub struct Server {
    agent: Agent,
    /// Without `/` at its end.
    pub url: String,
    headers: Vec<(String, String)>,
    pub kind: Kind,
    /// The first model that it serves.
    pub model: Option<String>,
}

pub struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The server itself says no; a proxy before it that does not wait (502 to 504) says nothing of the server.
    pub fn is_refusal(&self) -> bool {
        !self.is_fine() && !matches!(self.status, 502..=504)
    }

    fn json(&self) -> Option<Value> {
        if !self.is_fine() {
            return None;
        }
        serde_json::from_str(&self.text).ok()
    }
}

/// `Name: value`, as curl takes it.
pub fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("expected a name and a value, such as 'Authorization: Bearer KEY'")?;
    let (name, value) = (name.trim(), value.trim());
    HeaderName::try_from(name).map_err(|_| "this is no name of a header")?;
    HeaderValue::try_from(value).map_err(|_| "a header has no control characters")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The address without what clients of the OpenAI interface add to it.
fn base_url(url: &str) -> Result<String> {
    let (scheme, place) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
    let place = place.trim_end_matches('/');
    let place = place.strip_suffix("/v1").unwrap_or(place);
    let host = place.split('/').next().unwrap_or_default();
    if host.is_empty() {
        bail!("{url}: this is no address of a server; give http://HOST:PORT");
    }
    if host.contains('@') {
        bail!("the address has a name or a password in it; give --header 'Authorization: ...' in its place");
    }
    Ok(format!("{scheme}://{place}"))
}

/// This machine is asked directly, whatever proxy the environment names.
fn is_this_machine(url: &str) -> bool {
    let (_, place) = url.split_once("://").unwrap_or_default();
    let host = place.split('/').next().unwrap_or_default();
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|start| host.starts_with(start))
}

impl Server {
    /// Asks which server this is.
    pub fn find(url: &str, headers: Vec<(String, String)>) -> Result<Server> {
        let url = base_url(url)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            // A POST must not become a GET elsewhere, nor a key be sent there.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A connection that lay idle while the profile ran may be closed by the server when `stop` needs it.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .user_agent(concat!("stepscope/", env!("CARGO_PKG_VERSION")));
        if is_this_machine(&url) {
            config = config.proxy(None);
        }
        let mut server = Server {
            agent: config.build().into(),
            url,
            headers,
            kind: Kind::Other,
            model: None,
        };
        let path = "/v1/models";
        let models = server
            .get(path)
            .map_err(|error| server.unanswered(path, &error))?;
        if matches!(models.status, 401 | 403) {
            return Err(server.refused(path, &models));
        }
        let models = models.json().unwrap_or_default();
        let model = &models["data"][0];
        server.model = model["id"].as_str().map(str::to_owned);
        server.kind = match model["owned_by"].as_str() {
            Some("vllm") => Kind::Vllm,
            Some("sglang") => Kind::Sglang,
            _ => server.kind_by_its_own_paths(),
        };
        Ok(server)
    }

    fn kind_by_its_own_paths(&self) -> Kind {
        let has = |path: &str, key: &str| {
            let answer = self.get(path).ok().and_then(|answer| answer.json());
            answer.is_some_and(|answer| answer.get(key).is_some())
        };
        if has("/get_server_info", "model_path") || has("/server_info", "model_path") {
            Kind::Sglang
        } else if has("/version", "version") {
            Kind::Vllm
        } else {
            Kind::Other
        }
    }

    fn get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.config().timeout_global(QUICK).build();
        answer(request.call()?)
    }

    fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(match body {
            Some(body) => request.content_type("application/json").send(body.to_string())?,
            None => request.send_empty()?,
        })
    }

    /// Starts the profiler. `folder` is where an SGLang server writes; a vLLM server has its own from its start.
    pub fn start_profile(&self, folder: &Path) -> Result<Answer, ureq::Error> {
        // Without activities some releases record nothing.
        let body = json!({"output_dir": folder.to_string_lossy(), "activities": ["CPU", "GPU"]});
        let body = (self.kind == Kind::Sglang).then_some(&body);
        self.post(START, body)
    }

    /// vLLM answers when the traces are written, which may take many minutes.
    pub fn stop_profile(&self) -> Result<Answer, ureq::Error> {
        self.post(STOP, None)
    }

    /// One request of this many tokens, no fewer.
    pub fn complete(&self, model: &str, prompt: &str, max_tokens: u32) -> Result<()> {
        let path = "/v1/completions";
        let body = json!({"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0,
            "ignore_eos": true});
        self.fine(path, self.post(path, Some(&body)))
    }

    /// Nothing, or what is wrong with an answer.
    pub fn fine(&self, path: &str, answer: Result<Answer, ureq::Error>) -> Result<()> {
        match answer {
            Ok(answer) if answer.is_fine() => Ok(()),
            Ok(answer) => Err(self.refused(path, &answer)),
            Err(error) => Err(self.unanswered(path, &error)),
        }
    }

    fn unanswered(&self, path: &str, error: &ureq::Error) -> Error {
        let url = &self.url;
        if !was_sent(error) {
            return anyhow!(
                "{url}: no connection to the server ({}). Check that it runs and that this is its address and port; by \
                 default vLLM listens on http://localhost:8000, SGLang on http://localhost:30000",
                why(error)
            );
        }
        anyhow!(
            "{url}: no answer to {path} ({}); see the server's log",
            why(error)
        )
    }

    fn refused(&self, path: &str, answer: &Answer) -> Error {
        let (url, status) = (&self.url, answer.status);
        let is_of_profiler = path == START || path == STOP;
        match status {
            401 | 403 => anyhow!(
                "{url}: the server wants a key ({status} for {path}): give --api-key-env NAME with the name of an \
                 environment variable that holds it, or --header 'Authorization: Bearer KEY'"
            ),
            404 | 405 if is_of_profiler => match self.kind {
                Kind::Vllm => anyhow!(
                    "{url}: this vLLM server was started without its profiler ({status} for {path}): start it with \
                     {VLLM_FLAG} (vLLM 0.13 and later), or with the environment variable VLLM_TORCH_PROFILER_DIR=DIR \
                     (before)"
                ),
                Kind::Sglang => anyhow!(
                    "{url}: this SGLang server has no profiler to start ({status} for {path}): give the address of \
                     the server itself, not of a router before it"
                ),
                Kind::Other => anyhow!(
                    "{url}: the server has no profiler to start ({status} for {path}): give the address of a vLLM or \
                     SGLang server itself, not of a router before it; vLLM has it only if it was started with \
                     {VLLM_FLAG} (0.13 and later) or the environment variable VLLM_TORCH_PROFILER_DIR=DIR (before)"
                ),
            },
            300..=399 => anyhow!(
                "{url}: the server answered {status} to {path}{}; give the address to which it points",
                said(&answer.text)
            ),
            _ if is_of_profiler => anyhow!(
                "{url}: the server answered {status} to {path}{}. See its log; if a profile runs already, POST \
                 /stop_profile ends it",
                said(&answer.text)
            ),
            _ => anyhow!(
                "{url}: the server answered {status} to {path}{}",
                said(&answer.text)
            ),
        }
    }
}

const VLLM_FLAG: &str = r#"--profiler-config '{"profiler":"torch","torch_profiler_dir":"DIR"}'"#;

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    if let Some(to) = response.headers().get(LOCATION) {
        let text = format!("it points to {}", String::from_utf8_lossy(to.as_bytes()));
        return Ok(Answer { status, text });
    }
    let body = response.body_mut().with_config();
    let text = body.limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string();
    // The status says whether it was done; a text that breaks off changes nothing.
    Ok(Answer {
        status,
        text: text.unwrap_or_default(),
    })
}

/// Whether the server may have got the request.
pub fn was_sent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => !matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
                | ErrorKind::NotFound
        ),
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::TlsRequired => false,
        _ => true,
    }
}

fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the connection ended".to_owned()
        }
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// The start of what a server said, on one line.
fn said(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(": {}", show::plain(&shown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_clients_write_them() {
        for (given, want) in [
            ("localhost:8000", "http://localhost:8000"),
            ("http://localhost:8000/", "http://localhost:8000"),
            ("http://h:1/v1/", "http://h:1"),
            ("https://h/models/a/v1", "https://h/models/a"),
        ] {
            assert_eq!(base_url(given).unwrap(), want);
        }
        assert!(base_url("http://").is_err());
        let says = base_url("http://me:secret@h").unwrap_err().to_string();
        assert!(!says.contains("secret"), "{says}");
    }

    #[test]
    fn headers_are_read_as_curl_takes_them() {
        let read = header(" Authorization:  Bearer a:b ").unwrap();
        assert_eq!(read, ("Authorization".to_owned(), "Bearer a:b".to_owned()));
        for wrong in ["Authorization", "A B: c", "A: b\nC: d", ": b"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn proxies_are_for_other_machines() {
        for (url, want) in [
            ("http://localhost:8000", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://example.org/localhost", false),
        ] {
            assert_eq!(is_this_machine(url), want, "{url}");
        }
    }
}
