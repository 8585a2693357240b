//! A call, later, or again and again.

use wasm_bindgen::prelude::*;

/// A call that is due; dropping it cancels it.
pub struct Timer {
    number: Option<i32>,
    _closure: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `due` once, in `ms` milliseconds.
    pub fn after(ms: i32, due: impl FnMut() + 'static) -> Timer {
        let closure = Closure::<dyn FnMut()>::new(due);
        let number = web_sys::window().and_then(|window| {
            window
                .set_timeout_with_callback_and_timeout_and_arguments_0(closure.as_ref().unchecked_ref(), ms)
                .ok()
        });
        Timer {
            number,
            _closure: closure,
        }
    }

    /// Calls `due` every `ms` milliseconds. It must not drop this timer.
    pub fn every(ms: i32, due: impl FnMut() + 'static) -> Timer {
        let closure = Closure::<dyn FnMut()>::new(due);
        let number = web_sys::window().and_then(|window| {
            window
                .set_interval_with_callback_and_timeout_and_arguments_0(closure.as_ref().unchecked_ref(), ms)
                .ok()
        });
        Timer {
            number,
            _closure: closure,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let (Some(number), Some(window)) = (self.number, web_sys::window()) {
            // It ends what is repeated, too.
            window.clear_timeout_with_handle(number);
        }
    }
}
