//! The engines of a device, and kinds of work.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::Colour;
use crate::base::closed_set::closed_set;
use crate::dialect::Role;

closed_set! {
    /// An engine of a device.
    pub enum Engine {
        word: &'static str,
        means: &'static str,
        colour: Colour,
    }
    Mme "mme" { word: "MME", means: "The engines that multiply matrices.", colour: Colour::Mme }
    Tpc "tpc" { word: "TPC", means: "The vector engines.", colour: Colour::Tpc }
    Dma "dma" { word: "DMA", means: "The engines that copy.", colour: Colour::Dma }
    Nic "nic" { word: "NIC", means: "The ports to other devices.", colour: Colour::Nic }
    Compute "compute" {
        word: "compute",
        means: "All that computes, on a device that does not record its engines apart.",
        colour: Colour::Mme,
    }
}

impl Engine {
    /// The engine that does what a slice is; `None` for what is no work of a named engine.
    pub fn of(role: Role) -> Option<Engine> {
        match role {
            Role::DeviceMatrix => Some(Engine::Mme),
            Role::DeviceVector => Some(Engine::Tpc),
            Role::DeviceDma => Some(Engine::Dma),
            Role::DeviceNic => Some(Engine::Nic),
            Role::DeviceCompute => Some(Engine::Compute),
            _ => None,
        }
    }
}

/// Union of busy time of each engine, ns; `None` where the device has no such engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engines([Option<i64>; Engine::COUNT]);

impl Engines {
    /// What `busy_ns` says of each engine.
    pub fn of(busy_ns: impl Fn(Engine) -> Option<i64>) -> Engines {
        Engines(Engine::ALL.map(busy_ns))
    }

    /// The engines that the device has, each with its time.
    pub fn iter(&self) -> impl Iterator<Item = (Engine, i64)> {
        Engine::ALL
            .into_iter()
            .zip(self.0)
            .filter_map(|(engine, ns)| Some((engine, ns?)))
    }

    /// The engines that any of several devices, or steps, has: only these are shown.
    pub fn present<'a>(all: impl IntoIterator<Item = &'a Engines>) -> Vec<Engine> {
        let mut has = [false; Engine::COUNT];
        for (engine, _) in all.into_iter().flat_map(Engines::iter) {
            has[engine as usize] = true;
        }
        Engine::ALL
            .into_iter()
            .filter(|&engine| has[engine as usize])
            .collect()
    }

    /// The same without [`Engine::Compute`]: a table that says what computes needs no second column of it.
    pub fn present_apart<'a>(all: impl IntoIterator<Item = &'a Engines>) -> Vec<Engine> {
        let mut present = Engines::present(all);
        present.retain(|&engine| engine != Engine::Compute);
        present
    }
}

impl Index<Engine> for Engines {
    type Output = Option<i64>;

    fn index(&self, engine: Engine) -> &Option<i64> {
        &self.0[engine as usize]
    }
}

impl IndexMut<Engine> for Engines {
    fn index_mut(&mut self, engine: Engine) -> &mut Option<i64> {
        &mut self.0[engine as usize]
    }
}

/// An object with a key an engine; that of devices whose engines are not recorded apart stands only where there is one.
impl Serialize for Engines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_written = |engine: Engine| engine != Engine::Compute || self[engine].is_some();
        let n = Engine::ALL
            .into_iter()
            .filter(|&engine| is_written(engine))
            .count();
        // A map: its keys depend on the value, so its places say nothing in a format without names.
        let mut object = serializer.serialize_map(Some(n))?;
        for engine in Engine::ALL.into_iter().filter(|&engine| is_written(engine)) {
            object.serialize_entry(engine.key(), &self[engine])?;
        }
        object.end()
    }
}

impl<'de> Deserialize<'de> for Engines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Engines, D::Error> {
        let by_key = BTreeMap::<String, Option<i64>>::deserialize(deserializer)?;
        Ok(Engines::of(|engine| by_key.get(engine.key()).copied().flatten()))
    }
}

closed_set! {
    /// What kind of work a piece of device work is, whichever engine does it.
    pub enum WorkKind {
        colour: Colour,
    }
    Compute "compute" { colour: Colour::Mme }
    Comm "comm" { colour: Colour::Nic }
    Copy "copy" { colour: Colour::Dma }
    Set "set" { colour: Colour::Dma }
    Other "other" { colour: Colour::DeviceOther }
}

impl WorkKind {
    /// `None` for what is no device work.
    pub fn of(role: Role) -> Option<WorkKind> {
        match role {
            Role::DeviceMatrix | Role::DeviceVector | Role::DeviceCompute => Some(WorkKind::Compute),
            Role::DeviceComm | Role::DeviceNic => Some(WorkKind::Comm),
            Role::DeviceCopy | Role::DeviceDma => Some(WorkKind::Copy),
            Role::DeviceSet => Some(WorkKind::Set),
            Role::DeviceOther => Some(WorkKind::Other),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_an_object_with_fixed_keys_in_json() {
        let split = Engines::of(|engine| (engine == Engine::Tpc).then_some(7));
        let json = r#"{"mme":null,"tpc":7,"dma":null,"nic":null}"#;
        assert_eq!(serde_json::to_string(&split).unwrap(), json);
        assert_eq!(serde_json::from_str::<Engines>(json).unwrap(), split);
        let plain = Engines::of(|engine| (engine == Engine::Compute).then_some(0));
        let json = r#"{"mme":null,"tpc":null,"dma":null,"nic":null,"compute":0}"#;
        assert_eq!(serde_json::to_string(&plain).unwrap(), json);
        assert_eq!(serde_json::from_str::<Engines>(json).unwrap(), plain);
        assert_eq!(serde_json::from_str::<Engines>("{}").unwrap(), Engines::default());
    }

    #[test]
    fn only_engines_that_any_device_has_are_present() {
        let of = |wanted: Engine| Engines::of(|engine| (engine == wanted).then_some(0));
        let all = [of(Engine::Nic), Engines::default(), of(Engine::Mme)];
        assert_eq!(Engines::present(&all), [Engine::Mme, Engine::Nic]);
        assert_eq!(Engines::present([]), []);
    }
}
