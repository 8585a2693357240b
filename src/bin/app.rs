//! The page: boots, locks the network, shows the app.

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

#[cfg(target_arch = "wasm32")]
fn main() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(page::start());
}

#[cfg(target_arch = "wasm32")]
mod page {
    use stepscope::web::boot::{self, BootError, PageState, WorkerSource};
    use wasm_bindgen::prelude::*;
    use yew::prelude::*;

    /// Boots and shows the app, or says why not.
    pub async fn start() {
        match boot().await {
            Ok(source) => {
                boot::end_boot(None);
                yew::Renderer::<Placeholder>::with_props(PlaceholderProps { source }).render();
            }
            Err(why) => boot::end_boot(Some(&why)),
        }
    }

    async fn boot() -> Result<WorkerSource, BootError> {
        let source = WorkerSource::fetch().await?;
        boot::lock_network()?;
        Ok(source)
    }

    #[derive(Properties, PartialEq)]
    struct PlaceholderProps {
        source: WorkerSource,
    }

    /// Stands where the app will be: starts a worker and shows what it answers.
    #[component]
    fn Placeholder(props: &PlaceholderProps) -> Html {
        let answer = use_state(|| AttrValue::from("asking the worker …"));
        use_effect_with(props.source.clone(), {
            let answer = answer.clone();
            move |source| {
                let listener = Closure::<dyn FnMut(web_sys::MessageEvent)>::new({
                    let answer = answer.clone();
                    move |event: web_sys::MessageEvent| {
                        answer.set(event.data().as_string().unwrap_or_default().into());
                        boot::set_page_state(PageState::Empty);
                    }
                });
                match source.start() {
                    Ok(worker) => {
                        worker.set_onmessage(Some(listener.as_ref().unchecked_ref()));
                        if worker.post_message(&"hello".into()).is_err() {
                            boot::set_page_state(PageState::Failed);
                        }
                    }
                    Err(why) => answer.set(why.to_string().into()),
                }
                move || drop(listener)
            }
        });
        html! {
            <main style="max-width: 40rem; margin: 4rem auto">
                <h1>{ "Stepscope" }</h1>
                <p>{ "The worker says: " }<output>{ (*answer).clone() }</output></p>
            </main>
        }
    }
}
