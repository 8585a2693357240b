//! Whose trace is opened without asking.

/// Perfetto itself: a bookmarklet there posts the trace that is open in it.
const PERFETTO: &str = "https://ui.perfetto.dev";

/// What to do with a trace from an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Open,
    Ask {
        /// Whether the reader may say "always": an opaque origin (`"null"`) names nobody.
        may_remember: bool,
    },
}

/// Judges `origin`, as the browser gives it, for a page of origin `own` whose reader allowed `allowed`.
pub fn trust(origin: &str, own: &str, allowed: &[String]) -> Trust {
    // Every sandboxed frame and file has this one: being alike means nothing.
    if origin == "null" || origin.is_empty() {
        return Trust::Ask { may_remember: false };
    }
    if origin == own || origin == PERFETTO || is_loopback(origin) || allowed.iter().any(|one| one == origin) {
        return Trust::Open;
    }
    Trust::Ask { may_remember: true }
}

/// Whether an origin is this machine, on any port.
pub fn is_loopback(origin: &str) -> bool {
    let Some(rest) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        rest.strip_prefix(host).is_some_and(|port| {
            port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://stepscope.example";

    #[test]
    fn same_origin_loopback_perfetto_and_the_allowed_are_trusted() {
        let allowed = ["https://dashboard.example:8443".to_owned()];
        for origin in [
            OWN,
            "http://localhost",
            "http://localhost:8080",
            "https://127.0.0.1:1",
            "http://[::1]:9001",
            "https://ui.perfetto.dev",
            "https://dashboard.example:8443",
        ] {
            assert_eq!(trust(origin, OWN, &allowed), Trust::Open, "{origin}");
        }
    }

    #[test]
    fn whoever_looks_like_them_is_asked_about() {
        let allowed = ["https://dashboard.example:8443".to_owned()];
        for origin in [
            "http://localhost.evil.example",
            "http://localhost:80.evil.example",
            "http://localhost:",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "http://ui.perfetto.dev",
            "https://ui.perfetto.dev.evil.example",
            "https://evil.ui.perfetto.dev",
            "https://dashboard.example",
            "http://stepscope.example",
        ] {
            assert_eq!(
                trust(origin, OWN, &allowed),
                Trust::Ask { may_remember: true },
                "{origin}"
            );
        }
    }

    #[test]
    fn an_opaque_origin_is_never_trusted_not_even_by_its_like() {
        let never = Trust::Ask { may_remember: false };
        assert_eq!(trust("null", OWN, &[]), never);
        assert_eq!(trust("null", "null", &["null".to_owned()]), never);
        assert_eq!(trust("", "", &[String::new()]), never);
    }
}
