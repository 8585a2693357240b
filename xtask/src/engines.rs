//! Browsers' engines in which the page is tried: Chromium always, the others when asked for.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::tools::{self, Browser};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    /// WebKitGTK's MiniBrowser: Safari's engine, with another network and graphics below it. For single tests by hand:
    /// under its driver half of them fail, downloads and windows among them, and whether the page or the driver is at fault
    /// is not known.
    WebKit,
}

const DEVTOOLS: &str = "needs Chromium's DevTools";
const SCHEME: &str = "the colour scheme is set by Chromium's DevTools";
const SCRIPT_BEFORE: &str = "puts a script before the page's own, which only Chromium's DevTools can";

/// Tests that Firefox leaves out, and why.
pub const NOT_IN_FIREFOX: &[(&str, &str)] = &[
    ("accessibility::everything_that_can_be_used_has_a_name", DEVTOOLS),
    (
        "accessibility::the_start_page_has_names_and_one_heading",
        DEVTOOLS,
    ),
    (
        "accessibility::the_tab_key_reaches",
        "headless, the focus leaves for the browser's own buttons and does not come back",
    ),
    ("boot::a_page_that_cannot_start_says_why", DEVTOOLS),
    ("boot::a_worker_of_another_version", SCRIPT_BEFORE),
    ("boot::the_worker_answers_in_the_pages_protocol", SCRIPT_BEFORE),
    (
        "companion::a_post_before_the_program_is_there_is_kept",
        SCRIPT_BEFORE,
    ),
    (
        "fit::a_worker_that_dies_with_much_memory_is_told_of",
        SCRIPT_BEFORE,
    ),
    ("looks::dark_is_dark", SCHEME),
    ("looks::the_timeline_follows", SCHEME),
    ("memory::fifty_files", DEVTOOLS),
    ("offline::an_update_of_which_a_file_is_wrong", SCRIPT_BEFORE),
    ("offline::an_update_waits_for_the_reader", SCRIPT_BEFORE),
    ("offline::files_that_the_system_opens_with_the_app", SCRIPT_BEFORE),
    ("offline::the_manifest_can_be_installed", DEVTOOLS),
    ("privacy::the_lock_is_what_blocks", DEVTOOLS),
    (
        "workers::a_folder_shows_its_workers",
        "its driver chooses no folders",
    ),
];

impl Engine {
    /// The one that `STEPSCOPE_ENGINE` names; Chromium where it names none.
    pub fn chosen() -> Result<Engine> {
        let Some(name) = env::var_os("STEPSCOPE_ENGINE") else {
            return Ok(Engine::Chromium);
        };
        match name.to_str() {
            Some("" | "chromium") => Ok(Engine::Chromium),
            Some("firefox") => Ok(Engine::Firefox),
            Some("webkit") => Ok(Engine::WebKit),
            _ => bail!("STEPSCOPE_ENGINE is {name:?}: choose chromium, firefox or webkit"),
        }
    }

    /// Its browser and driver, if they are on this machine.
    pub fn find(self) -> Option<Browser> {
        let (program, driver) = match self {
            Engine::Chromium => return tools::find_browser(),
            Engine::Firefox => (
                tools::on_path("firefox-esr").or_else(|| tools::on_path("firefox"))?,
                tools::on_path("geckodriver")?,
            ),
            Engine::WebKit => (mini_browser()?, tools::on_path("WebKitWebDriver")?),
        };
        Some(Browser { program, driver })
    }
}

/// Makes sure of Firefox and geckodriver.
pub fn firefox() -> Result<Browser> {
    let there = || tools::on_path("firefox-esr").is_some() || tools::on_path("firefox").is_some();
    tools::debian("Firefox", &["firefox-esr"], there)?;
    tools::install("geckodriver", &["geckodriver"], GECKODRIVER, true)?;
    Engine::Firefox.find().context("Firefox was there a moment ago")
}

const GECKODRIVER: &str = "0.37.1";

/// Where Debian keeps what is for the driver alone, by the machine's name.
fn mini_browser() -> Option<PathBuf> {
    let places = std::fs::read_dir("/usr/lib").ok()?;
    places
        .flatten()
        .flat_map(|machine| {
            ["webkitgtk-6.0", "webkit2gtk-4.1", "webkit2gtk-4.0"]
                .map(|version| machine.path().join(version).join("MiniBrowser"))
        })
        .find(|program| Path::is_file(program))
}
