//! Light and dark: `data-theme` on the root element; without it, the style sheet follows the system.

use crate::view::route::Theme;
use crate::web::kept;

const KEPT: &str = "stepscope.theme";

/// What the reader chose on this machine.
pub fn remembered() -> Option<Theme> {
    match kept::get(KEPT)?.as_str() {
        "dark" => Some(Theme::Dark),
        "light" => Some(Theme::Light),
        _ => None,
    }
}

/// Keeps the reader's choice on this machine.
pub fn remember(theme: Theme) {
    kept::set(KEPT, if theme == Theme::Dark { "dark" } else { "light" });
}

/// Sets or clears the reader's choice.
pub fn apply(theme: Option<Theme>) {
    let Some(root) = root() else { return };
    let done = match theme {
        Some(Theme::Light) => root.set_attribute("data-theme", "light"),
        Some(Theme::Dark) => root.set_attribute("data-theme", "dark"),
        None => root.remove_attribute("data-theme"),
    };
    if let Err(why) = done {
        web_sys::console::error_1(&why);
    }
}

/// What is shown now, chosen or not.
pub fn shown(chosen: Option<Theme>) -> Theme {
    chosen.unwrap_or_else(|| {
        let dark = system_dark().is_some_and(|query| query.matches());
        if dark { Theme::Dark } else { Theme::Light }
    })
}

/// Whether the system asks for dark; it tells when that changes.
pub fn system_dark() -> Option<web_sys::MediaQueryList> {
    web_sys::window()?
        .match_media("(prefers-color-scheme: dark)")
        .ok()
        .flatten()
}

fn root() -> Option<web_sys::Element> {
    web_sys::window()?.document()?.document_element()
}
