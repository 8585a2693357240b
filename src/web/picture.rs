//! A picture of the page as a file: SVG with its colours written out, or PNG.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, Element, HtmlCanvasElement, HtmlImageElement, Url,
    XmlSerializer,
};

use super::download;

const SVG: &str = "http://www.w3.org/2000/svg";
/// What of the style sheet an element's look comes from.
const LOOKS: [&str; 10] = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linecap",
    "opacity",
    "fill-opacity",
    "font-size",
    "font-family",
    "text-anchor",
];
/// Pixels of a PNG for one of the screen's.
const SCALE: f64 = 2.0;

fn words(why: JsValue) -> String {
    why.as_string().unwrap_or_else(|| format!("{why:?}"))
}

/// The picture as it looks now, as a text of its own.
fn standalone(svg: &Element) -> Result<String, JsValue> {
    let window = web_sys::window().ok_or("no window")?;
    let copy: Element = svg.clone_node_with_deep(true)?.unchecked_into();
    let (seen, copied) = (svg.query_selector_all("*")?, copy.query_selector_all("*")?);
    for i in 0..seen.length() {
        let (Some(seen), Some(copied)) = (seen.get(i), copied.get(i)) else {
            continue;
        };
        let (seen, copied): (Element, Element) = (seen.unchecked_into(), copied.unchecked_into());
        let Some(look) = window.get_computed_style(&seen)? else {
            continue;
        };
        for name in LOOKS {
            copied.set_attribute(name, &look.get_property_value(name)?)?;
        }
        copied.remove_attribute("class")?;
    }
    copy.set_attribute("xmlns", SVG)?;
    copy.remove_attribute("class")?;
    let document = window.document().ok_or("no document")?;
    let ground = document.create_element_ns(Some(SVG), "rect")?;
    let body = document.body().ok_or("no body")?;
    let colour = window
        .get_computed_style(&body)?
        .map(|look| look.get_property_value("background-color"));
    ground.set_attribute("fill", &colour.transpose()?.unwrap_or_default())?;
    ground.set_attribute("width", "100%")?;
    ground.set_attribute("height", "100%")?;
    copy.insert_before(&ground, copy.first_child().as_ref())?;
    XmlSerializer::new()?.serialize_to_string(&copy)
}

/// Saves the picture; the name of the file, or why not.
pub fn save_svg(svg: &Element, stem: &str) -> Result<String, String> {
    let file = format!("{stem}.svg");
    let text = standalone(svg).map_err(words)?;
    download::save(&file, "image/svg+xml", &text).map_err(words)?;
    Ok(file)
}

/// Saves the picture, and tells the name of the file, or why not.
pub fn save_png(svg: &Element, stem: &str, told: impl FnOnce(Result<String, String>) + 'static) {
    let told = Rc::new(RefCell::new(Some(told)));
    let tell = move |of: Result<String, String>| {
        if let Some(told) = told.borrow_mut().take() {
            told(of);
        }
    };
    if let Err(why) = draw(svg, format!("{stem}.png"), tell.clone()) {
        tell(Err(words(why)));
    }
}

fn draw(
    svg: &Element,
    file: String,
    tell: impl Fn(Result<String, String>) + Clone + 'static,
) -> Result<(), JsValue> {
    let rect = svg.get_bounding_client_rect();
    let (width, height) = (rect.width(), rect.height());
    let options = BlobPropertyBag::new();
    options.set_type("image/svg+xml");
    let text = js_sys::Array::of1(&standalone(svg)?.into());
    let url = Url::create_object_url_with_blob(&Blob::new_with_str_sequence_and_options(&text, &options)?)?;
    let image = HtmlImageElement::new()?;
    let loaded = {
        let (image, url, tell) = (image.clone(), url.clone(), tell.clone());
        Closure::once_into_js(move || {
            drop(Url::revoke_object_url(&url));
            if let Err(why) = to_png(&image, width, height, file, tell.clone()) {
                tell(Err(words(why)));
            }
        })
    };
    let failed = Closure::once_into_js(move || tell(Err("the browser did not draw it".to_owned())));
    image.set_onload(Some(loaded.unchecked_ref()));
    image.set_onerror(Some(failed.unchecked_ref()));
    image.set_src(&url);
    Ok(())
}

fn to_png(
    image: &HtmlImageElement,
    width: f64,
    height: f64,
    file: String,
    tell: impl Fn(Result<String, String>) + 'static,
) -> Result<(), JsValue> {
    let document = web_sys::window()
        .and_then(|w| w.document())
        .ok_or("no document")?;
    let canvas: HtmlCanvasElement = document.create_element("canvas")?.unchecked_into();
    canvas.set_width(crate::view::timescale::whole_px(width * SCALE));
    canvas.set_height(crate::view::timescale::whole_px(height * SCALE));
    let context: CanvasRenderingContext2d = canvas.get_context("2d")?.ok_or("no canvas")?.unchecked_into();
    context.scale(SCALE, SCALE)?;
    context.draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, width, height)?;
    let made = Closure::once_into_js(move |blob: Option<Blob>| {
        let saved = blob.ok_or_else(|| "the browser made no picture".to_owned());
        tell(
            saved
                .and_then(|blob| download::save_blob(&file, &blob).map_err(words))
                .map(|()| file),
        );
    });
    canvas.to_blob(made.unchecked_ref())
}
