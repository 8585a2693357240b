//! A view model on its way to a component.

use std::ops::Deref;
use std::rc::Rc;

/// Equal means the same one: a big view is never compared field by field to find out whether to redraw.
#[derive(Debug)]
pub struct Shown<T>(Rc<T>);

impl<T> Shown<T> {
    pub fn new(value: T) -> Shown<T> {
        Shown(Rc::new(value))
    }
}

impl<T> Clone for Shown<T> {
    fn clone(&self) -> Shown<T> {
        Shown(self.0.clone())
    }
}

impl<T> PartialEq for Shown<T> {
    fn eq(&self, other: &Shown<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Shown<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
