//! The set-up: what the commands need beside Rust, installed where it is missing, and left alone where it is
//! there (asking takes well under a second).
//!
//! Pinned tools live outside the clone, so that every clone of a user shares them: `$STEPSCOPE_TOOLS`, else
//! `$XDG_CACHE_HOME/stepscope/tools`, else `~/.cache/stepscope/tools`; programs in its `bin`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child;

/// The very version of the `wasm-bindgen` crate: the two only work together (a test compares them).
pub const WASM_BINDGEN: &str = "0.2.130";
/// The last one that builds with rustc 1.95 (0.22.1 asks for 1.96.1).
pub const TRUNK: &str = "0.21.14";
/// The toolchain that `wasm-std.sh` links: the distribution's compiler, for wasm builds only.
pub const DISTRO_TOOLCHAIN: &str = "distro-wasm";

const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// A machine that cannot reach the Rust download site may hang instead of failing.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(120);

/// How to build for wasm32 on this machine.
#[derive(Clone, Debug)]
pub struct Wasm {
    /// `None`: the default toolchain has the target.
    pub toolchain: Option<&'static str>,
}

impl Wasm {
    /// A cargo (or Trunk) that builds for wasm32.
    pub fn command(&self, program: &str) -> Command {
        let mut command = child::command(program);
        command.env("PATH", path_with_tools());
        if let Some(toolchain) = self.toolchain {
            command.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        command
    }
}

/// A browser and the program that drives it.
#[derive(Clone, Debug)]
pub struct Browser {
    pub program: PathBuf,
    pub driver: PathBuf,
}

/// Makes sure of rustfmt and clippy.
pub fn lints() -> Result<()> {
    let there = |tool: &str| child::answer(child::command("cargo").args([tool, "--version"])).is_some();
    if there("fmt") && there("clippy") {
        return Ok(());
    }
    says("rustfmt and clippy are missing; adding them to the toolchain");
    let add = &mut child::command("rustup");
    if child::succeeds_within(
        add.args(["component", "add", "rustfmt", "clippy"]),
        DOWNLOAD_LIMIT,
    ) {
        return Ok(());
    }
    bail!("rustfmt or clippy is missing and could not be added: run `rustup component add rustfmt clippy`")
}

/// Makes sure that wasm32 can be built for: a standard library for it, and wasm-bindgen.
pub fn wasm() -> Result<Wasm> {
    let wasm = wasm_std()?;
    install(
        "wasm-bindgen-cli",
        &["wasm-bindgen", "wasm-bindgen-test-runner"],
        WASM_BINDGEN,
        // The lock file of 0.2.130 names a release of webpki-roots that some registries do not have: --locked fails.
        false,
    )?;
    Ok(wasm)
}

/// Makes sure of Trunk.
pub fn trunk() -> Result<()> {
    install("trunk", &["trunk"], TRUNK, true)
}

/// Makes sure of Chromium and chromedriver.
pub fn browser() -> Result<Browser> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    // A font, because a browser without any draws none of the text.
    let packages = ["chromium", "chromium-driver", "fonts-dejavu-core"];
    debian("Chromium or chromedriver", &packages, || find_browser().is_some())
        .context("both must be of one version; CHROMIUM and CHROMEDRIVER name others")?;
    find_browser().context("Chromium was there a moment ago")
}

/// A C++ compiler, which libFuzzer is built with; installed where that can be done.
pub fn cxx() -> Result<()> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".into());
    let there = || child::answer(Command::new(&compiler).arg("--version")).is_some();
    debian(&format!("the C++ compiler {compiler:?}"), &["g++"], there)
        .context("libFuzzer is C++; CXX names another compiler")
}

/// Makes sure of something that Debian has packages of.
pub fn debian(what: &str, packages: &[&str], there: impl Fn() -> bool) -> Result<()> {
    if there() {
        return Ok(());
    }
    let remedy = format!("install it (Debian: `apt-get install {}`)", packages.join(" "));
    if !is_root_on_debian() {
        bail!("{what} is missing: {remedy}");
    }
    says(&format!("{what} is missing; installing Debian's"));
    child::must(apt_get().args(["update", "-q"])).with_context(|| remedy.clone())?;
    let install = &mut apt_get();
    install.args(["install", "-y", "--no-install-recommends"]);
    child::must(install.args(packages)).with_context(|| remedy.clone())?;
    if there() {
        return Ok(());
    }
    bail!("{what} is still missing: {remedy}")
}

/// Chromium and chromedriver, if they are on this machine.
pub fn find_browser() -> Option<Browser> {
    let named = |variable: &str| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.exists())
    };
    let program = named("CHROMIUM").or_else(|| {
        [
            "chromium",
            "chromium-browser",
            "google-chrome-stable",
            "google-chrome",
        ]
        .into_iter()
        .find_map(on_path)
    })?;
    let driver = named("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
    Some(Browser { program, driver })
}

/// PATH with the pinned tools first.
pub fn path_with_tools() -> OsString {
    let rest = env::var_os("PATH").unwrap_or_default();
    let all = cache()
        .map(|tools| tools.join("bin"))
        .into_iter()
        .chain(env::split_paths(&rest));
    env::join_paths(all).unwrap_or(rest)
}

fn wasm_std() -> Result<Wasm> {
    let candidates = [None, Some(DISTRO_TOOLCHAIN)];
    let ready = || {
        candidates
            .into_iter()
            .find(|toolchain| has_wasm_std(*toolchain))
            .map(|toolchain| Wasm { toolchain })
    };
    if let Some(wasm) = ready() {
        return Ok(wasm);
    }
    says("the standard library for wasm32 is missing; adding it to the toolchain");
    if child::succeeds_within(
        child::command("rustup").args(["target", "add", WASM_TARGET]),
        DOWNLOAD_LIMIT,
    ) && let Some(wasm) = ready()
    {
        return Ok(wasm);
    }
    let remedy = "run `rustup target add wasm32-unknown-unknown` where the Rust download site is reachable, or \
                  `bash xtask/wasm-std.sh` as root on Debian";
    if !is_root_on_debian() {
        bail!("rustc cannot build for wasm32, and the target could not be added: {remedy}");
    }
    says("that did not work; building the standard library from Debian's packages instead (some minutes)");
    child::must(
        child::command("bash")
            .arg("xtask/wasm-std.sh")
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
    .with_context(|| remedy.to_owned())?;
    ready().with_context(|| format!("rustc still cannot build for wasm32: {remedy}"))
}

fn has_wasm_std(toolchain: Option<&str>) -> bool {
    let mut rustc = child::command("rustc");
    if let Some(toolchain) = toolchain {
        rustc.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    let Some(dir) = child::answer(rustc.args(["--print", "target-libdir", "--target", WASM_TARGET])) else {
        return false;
    };
    let Ok(files) = fs::read_dir(dir) else {
        return false;
    };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// Makes sure of `programs` in exactly this version, from the package of that name.
pub fn install(package: &str, programs: &[&str], version: &str, locked: bool) -> Result<()> {
    let path = path_with_tools();
    let there = |program: &&str| {
        let says = child::answer(Command::new(program).arg("--version").env("PATH", &path));
        says.is_some_and(|says| says.split_whitespace().any(|word| word == version))
    };
    if programs.iter().all(there) {
        return Ok(());
    }
    let tools = cache().context("there is no HOME to keep tools in: set STEPSCOPE_TOOLS to a directory")?;
    fs::create_dir_all(&tools).with_context(|| {
        format!(
            "{} could not be made: set STEPSCOPE_TOOLS to another place",
            tools.display()
        )
    })?;
    says(&format!(
        "{package} {version} is missing; building it into {} (some minutes)",
        tools.display()
    ));
    let mut cargo = child::command("cargo");
    cargo
        .args([
            "install",
            package,
            "--version",
            &format!("={version}"),
            "--force",
            "--root",
        ])
        .arg(&tools);
    if locked {
        cargo.arg("--locked");
    }
    // Tools that run for seconds are not worth minutes of optimising: their own profiles optimise as one unit.
    cargo.envs([
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ]);
    // Not in the clone: its .cargo/config.toml is for the project.
    child::must(cargo.current_dir(&tools))
        .with_context(|| format!("{package} {version} could not be installed, and nothing else will do"))?;
    if programs.iter().all(there) {
        return Ok(());
    }
    bail!(
        "{package} {version} was installed into {}, but does not run",
        tools.display()
    )
}

fn cache() -> Option<PathBuf> {
    let from = |variable: &str| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("STEPSCOPE_TOOLS")
        .or_else(|| Some(from("XDG_CACHE_HOME")?.join("stepscope/tools")))
        .or_else(|| Some(from("HOME")?.join(".cache/stepscope/tools")))
}

/// A program on PATH or among the pinned tools.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&path_with_tools())
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

fn is_root_on_debian() -> bool {
    let root = child::answer(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    root && Path::new("/etc/debian_version").exists() && on_path("apt-get").is_some()
}

fn apt_get() -> Command {
    let mut command = child::command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn says(what: &str) {
    println!("set-up: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_wasm_bindgen_is_the_one_in_the_lock_file() {
        let lock = fs::read_to_string(crate::root().join("Cargo.lock")).expect("a lock file");
        let entry = format!("name = \"wasm-bindgen\"\nversion = \"{WASM_BINDGEN}\"\n");
        assert!(
            lock.contains(&entry),
            "Cargo.lock has another wasm-bindgen than {WASM_BINDGEN}"
        );
    }

    #[test]
    fn a_program_that_does_not_exist_gives_no_answer() {
        assert_eq!(child::answer(&mut Command::new("no-such-program-anywhere")), None);
    }
}
