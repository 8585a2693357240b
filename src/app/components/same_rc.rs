//! A view model on its way to a component.

use std::ops::Deref;
use std::rc::Rc;

/// Equal means the same one: a big view is never compared field by field to find out whether to redraw.
#[derive(Debug)]
pub struct SameRc<T>(Rc<T>);

impl<T> SameRc<T> {
    pub fn new(value: T) -> SameRc<T> {
        SameRc(Rc::new(value))
    }
}

impl<T> Clone for SameRc<T> {
    fn clone(&self) -> SameRc<T> {
        SameRc(self.0.clone())
    }
}

impl<T> PartialEq for SameRc<T> {
    fn eq(&self, other: &SameRc<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for SameRc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
