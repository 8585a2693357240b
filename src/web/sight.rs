//! Whether an element is in sight, or about to be.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};

/// How far out of sight still counts, as a part of the window's height.
const MARGIN: &str = "25% 0px";

/// Tells when an element comes into sight or goes; dropping it ends that.
pub struct SightWatch {
    observer: Option<IntersectionObserver>,
    _closure: Closure<dyn FnMut(Array)>,
}

impl SightWatch {
    /// Calls `told` soon and after every change. Where the browser cannot tell, the element counts as in sight.
    pub fn new(element: &Element, told: impl Fn(bool) + 'static) -> SightWatch {
        let told = std::rc::Rc::new(told);
        let closure = Closure::<dyn FnMut(Array)>::new({
            let told = told.clone();
            move |entries: Array| {
                let last: IntersectionObserverEntry =
                    entries.get(entries.length().saturating_sub(1)).unchecked_into();
                told(last.is_intersecting());
            }
        });
        let options = IntersectionObserverInit::new();
        options.set_root_margin(MARGIN);
        let observer =
            IntersectionObserver::new_with_options(closure.as_ref().unchecked_ref(), &options).ok();
        match &observer {
            Some(observer) => observer.observe(element),
            None => told(true),
        }
        SightWatch {
            observer,
            _closure: closure,
        }
    }
}

impl Drop for SightWatch {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}
