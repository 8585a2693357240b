//! What Perfetto is sent, where it stands beside the page.

use crate::app::companion::perfetto::Sent;
use crate::app::shell::state::{Stage, State};
use crate::view::route::Chrome;
use crate::web::files::Picked;

/// The trace, once it has been read, unless the page stands in another one's frame. `last`: what was opened.
pub fn sent(state: &State, last: Option<Picked>) -> Option<Sent> {
    let (summary, engine) = (state.summary.as_ref()?, state.engine.as_ref()?);
    let wanted =
        state.stage == Stage::Ready && state.place.chrome != Chrome::Embedded && summary.extent.is_some();
    wanted.then(|| Sent {
        file: last
            .and_then(|picked| picked.at(&summary.file))
            // A table that was made a trace of is none for others.
            .filter(|file| !file.name().ends_with(".csv")),
        summary: summary.clone(),
        engine: engine.clone(),
    })
}
