//! Who did what on the device, and whose work it was.
