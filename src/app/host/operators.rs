//! Python frames, framework operators, modules and device work by name.

use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::same_rc::SameRc;
use crate::view::{Grouping, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct OperatorsProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
}

const GROUPINGS: [(Grouping, &str, &str); 3] = [
    (Grouping::Name, "operators", "By name"),
    (Grouping::Shape, "operators_by_shape", "By input shapes"),
    (Grouping::Stack, "operators_by_stack", "By python stack"),
];

const NO_PYTHON: &str = "This trace has no python stacks. The torch profiler records them with with_stack=True (vLLM: \
                         torch_profiler_with_stack in --profiler-config, or VLLM_TORCH_PROFILER_WITH_STACK=1); vLLM's \
                         end-to-end capture on Gaudi leaves them out.";
const NO_OPERATORS: &str = "This trace records no framework operators: torch's profiler records them, an engine's own \
                            events do not.";
const NO_SHAPES: &str = "The torch profiler records shapes with record_shapes=True (vLLM: \
                         torch_profiler_record_shapes in --profiler-config, or \
                         VLLM_TORCH_PROFILER_RECORD_SHAPES=1).";
const NO_DEVICE_WORK: &str = "This trace holds no device work: it ran on the host alone, or the torch profiler's \
                              activities do not name the device: ProfilerActivity.CUDA (ROCm, too), XPU or HPU.";

#[component]
pub fn Operators(props: &OperatorsProps) -> Html {
    let group = use_state_eq(Grouping::default);
    let has = |key: &str| props.summary.tables.iter().any(|table| table.key == key);
    let offered: Vec<_> = GROUPINGS.into_iter().filter(|(_, key, _)| has(key)).collect();
    let switch = |(by, _, word): (Grouping, &'static str, &'static str)| {
        let (group, here) = (group.clone(), *group == by);
        html! {
            <button type="button" class={classes!("switch", here.then_some("here"))}
                    aria-pressed={here.to_string()} onclick={move |_| group.set(by)}>{ word }</button>
        }
    };
    let chosen = GROUPINGS.iter().find(|(by, ..)| *by == *group);
    let of = |table: &'static str, absent: Option<&'static str>| {
        html! { <DataTable key={table} {table} engine={props.engine.clone()} absent={absent.map(AttrValue::from)} /> }
    };
    html! {
        <>
            { of("python", Some(NO_PYTHON)) }
            if offered.len() > 1 {
                <div class="switches" role="group" aria-label="Operators counted by">
                    { for offered.into_iter().map(switch) }
                </div>
            }
            { of(chosen.map_or("operators", |(_, key, _)| key), Some(NO_OPERATORS)) }
            if has("operators") && !has("operators_by_shape") { <p class="hint">{ NO_SHAPES }</p> }
            { of("modules", None) }
            { of("torch_table", None) }
            { of("kernels", Some(NO_DEVICE_WORK)) }
            { of("recipes", None) }
            { of("nodes", None) }
        </>
    }
}
