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
    use stepscope::app::{App, AppProps};
    use stepscope::web::boot::{self, BootError, WorkerSource};
    use stepscope::web::workers::Workers;

    /// Boots and shows the app, or says why not.
    pub async fn start() {
        match boot().await {
            Ok(source) => {
                boot::end_boot(None);
                let workers = Workers::new(source);
                workers.prepare();
                yew::Renderer::<App>::with_props(AppProps { workers }).render();
            }
            Err(why) => boot::end_boot(Some(&why)),
        }
    }

    async fn boot() -> Result<WorkerSource, BootError> {
        let source = WorkerSource::of_page().await?;
        boot::lock_network()?;
        Ok(source)
    }
}
