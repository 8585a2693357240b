//! Which files the page showed before it was loaded again, and the browser's permits to read them once more (file
//! handles), where it gives any. Names are kept as long as the tab lives, permits in the browser's database.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{File, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransactionMode};

use crate::web::files::Picked;
use crate::web::kept;

const NAMES: &str = "stepscope.shown";
const DATABASE: &str = "stepscope";
const STORE: &str = "permits";
/// Where there are more, all are forgotten: each is a file that was opened once.
const MAX_PERMITS: f64 = 20.0;

/// The files that this tab showed last, by name.
pub fn names() -> Option<Vec<String>> {
    let names = kept::of_tab(NAMES)?;
    Some(names.lines().map(str::to_owned).collect())
}

/// These files are shown now.
pub fn keep(picked: &Picked) {
    let names: Vec<String> = picked.heads().into_iter().map(|head| head.name).collect();
    let names = names.join("\n");
    kept::set_of_tab(NAMES, &names);
    let permits = picked.permits();
    if permits.is_empty() {
        return;
    }
    spawn_local(async move {
        // What the browser does not want to keep, it does not keep.
        drop(put(&names, permits).await);
    });
}

/// Nothing is shown any more, by the reader's wish.
pub fn closed() {
    kept::remove_of_tab(NAMES);
}

/// Forgets all permits.
pub fn forget() {
    closed();
    if let Some(factory) = factory() {
        drop(factory.delete_database(DATABASE));
    }
}

/// The permits for the files of these names.
#[derive(Clone, Debug, PartialEq)]
pub struct Permits(Array);

/// What the browser kept for these files, if it did.
pub async fn permits(names: &[String]) -> Option<Permits> {
    let store = store(IdbTransactionMode::Readonly).await.ok()?;
    let request = store.get(&JsValue::from_str(&names.join("\n"))).ok()?;
    let found: Array = done(&request).await.ok()?.dyn_into().ok()?;
    (found.length() > 0).then_some(Permits(found))
}

impl Permits {
    /// The files, if the browser and its user still let us read them. To be called by a click.
    pub async fn open(&self) -> Option<Picked> {
        let mode = Object::new();
        Reflect::set(&mode, &"mode".into(), &"read".into()).ok()?;
        for handle in self.0.iter() {
            let granted = called(&handle, "requestPermission", &[&mode]).await.ok()?;
            if granted.as_string().as_deref() != Some("granted") {
                return None;
            }
        }
        files_of(&self.0).await.ok()
    }
}

/// The files that the browser's own dialog gives, with permits. `Ok(None)`: the reader chose none. An error where there
/// is no such dialog, or none here (in a frame).
pub async fn ask() -> Result<Option<Picked>, JsValue> {
    let window: JsValue = web_sys::window().ok_or(JsValue::NULL)?.into();
    let options = Object::new();
    Reflect::set(&options, &"multiple".into(), &JsValue::TRUE)?;
    match called(&window, "showOpenFilePicker", &[&options]).await {
        Ok(handles) => files_of(&handles.dyn_into()?).await.map(Some),
        Err(why) if is_abort(&why) => Ok(None),
        Err(why) => Err(why),
    }
}

fn is_abort(why: &JsValue) -> bool {
    let name = Reflect::get(why, &"name".into()).ok();
    name.and_then(|name| name.as_string()).as_deref() == Some("AbortError")
}

async fn files_of(handles: &Array) -> Result<Picked, JsValue> {
    let (mut files, mut permits) = (Vec::new(), Vec::new());
    for handle in handles.iter() {
        files.push(called(&handle, "getFile", &[]).await?.dyn_into::<File>()?);
        permits.push(Promise::resolve(&handle));
    }
    Ok(Picked::of_files(files).with_permits(permits))
}

/// Calls a method by its name: web-sys has those of file handles only behind a flag of its build.
async fn called(of: &JsValue, method: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(of, &method.into())?.dyn_into()?;
    let arguments: Array = arguments.iter().copied().collect();
    let promise = Reflect::apply(&function, of, &arguments)?;
    JsFuture::from(Promise::resolve(&promise)).await
}

fn factory() -> Option<web_sys::IdbFactory> {
    web_sys::window()?.indexed_db().ok().flatten()
}

async fn store(mode: IdbTransactionMode) -> Result<IdbObjectStore, JsValue> {
    let factory = factory().ok_or(JsValue::NULL)?;
    let request = factory.open_with_u32(DATABASE, 1)?;
    let opened = request.clone();
    let made = Closure::once_into_js(move || {
        let database = opened.result().and_then(JsCast::dyn_into::<IdbDatabase>);
        drop(database.and_then(|database| database.create_object_store(STORE)));
    });
    request.set_onupgradeneeded(Some(made.unchecked_ref()));
    let database: IdbDatabase = done(&request).await?.dyn_into()?;
    let transaction = database.transaction_with_str_and_mode(STORE, mode)?;
    // Its connection would keep the database from being deleted; transactions that have begun are ended first.
    database.close();
    transaction.object_store(STORE)
}

async fn put(names: &str, permits: Vec<Promise>) -> Result<(), JsValue> {
    let handles = Array::new();
    for permit in permits {
        let handle = JsFuture::from(permit).await?;
        if !handle.is_object() {
            return Ok(());
        }
        handles.push(&handle);
    }
    let store = store(IdbTransactionMode::Readwrite).await?;
    let n = done(&store.count()?).await?.as_f64().unwrap_or(0.0);
    if n >= MAX_PERMITS {
        done(&store.clear()?).await?;
    }
    done(&store.put_with_key(&handles, &JsValue::from_str(names))?).await?;
    Ok(())
}

/// What a request of the database gives.
async fn done(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |done, failed| {
        request.set_onsuccess(Some(&done));
        request.set_onerror(Some(&failed));
    });
    JsFuture::from(promise).await?;
    request.result()
}
