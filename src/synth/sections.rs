//! The text of an invented trace, part by part in the order of the real files: torch's operators and frames,
//! its metadata, device lanes with Synapse's host calls, Synapse Logger, Bridge Logs, and vLLM's own events
//! last. Each part runs the plan again.

mod device_section;
mod events;
mod host_section;
mod logs;
mod metadata;
mod section_tracks;
mod server_section;
mod target_size;

use super::invented_server::{self, Iteration, Plan};
use super::python_json::Text;
use super::{Facts, Options};
use device_section::Device;
use events::process_name;
use host_section::Host;
use section_tracks::{BRIDGE_PID, SYNAPSE_PID};
use server_section::Server;
pub use target_size::iterations;

/// Text is handed out when there is this much of it.
const CHUNK: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Host,
    Metadata,
    Device,
    SynapseLog,
    BridgeLog,
    Server,
    Tail,
    Done,
}

/// The text of a trace, chunk by chunk.
#[derive(Debug)]
pub struct Chunks {
    options: Options,
    iterations: u32,
    facts: Facts,
    text: Text,
    section: Section,
    plan: Plan,
    host: Host,
    device: Device,
    server: Server,
}

impl Chunks {
    pub fn new(options: &Options) -> Chunks {
        let iterations = iterations(options);
        let facts = invented_server::facts(options, iterations);
        let text = Text {
            trailing_comma: options.high_level_only,
            ..Text::default()
        };
        Chunks {
            options: options.clone(),
            iterations,
            text,
            section: Section::Head,
            plan: Plan::new(options, iterations),
            host: Host::new(options, facts.capture),
            device: Device::new(options),
            server: Server::new(options),
            facts,
        }
    }

    /// Events written so far.
    pub fn events(&self) -> u64 {
        self.text.events
    }

    pub fn into_facts(self) -> Facts {
        self.facts
    }

    /// Replaces `buffer` by the next chunk. False at the end.
    pub fn fill(&mut self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        // The last chunk's memory is written to again.
        std::mem::swap(buffer, &mut self.text.out);
        while self.text.out.len() < CHUNK && self.section != Section::Done {
            self.advance();
        }
        std::mem::swap(buffer, &mut self.text.out);
        !buffer.is_empty()
    }

    fn go_to(&mut self, section: Section) {
        self.section = section;
        self.plan = Plan::new(&self.options, self.iterations);
    }

    /// The next iteration while serving.
    fn serving(&mut self) -> Option<Iteration> {
        self.plan.by_ref().find(|iteration| !iteration.warmup)
    }

    /// Writes an iteration's worth of the part that it is in.
    fn advance(&mut self) {
        match self.section {
            Section::Head if self.options.high_level_only => {
                self.text.raw("[");
                self.go_to(Section::Server);
            }
            Section::Head => {
                metadata::head(&mut self.text, &self.options);
                self.go_to(Section::Host);
            }
            Section::Host => match self.serving() {
                Some(iteration) => self.host.iteration(&mut self.text, &iteration),
                None => self.go_to(Section::Metadata),
            },
            Section::Metadata => {
                metadata::names(&mut self.text, &self.options, self.facts.capture);
                self.go_to(Section::Device);
            }
            Section::Device => match self.serving() {
                Some(iteration) => self.device.iteration(&mut self.text, &iteration),
                None => self.go_to(Section::SynapseLog),
            },
            Section::SynapseLog => match self.serving() {
                Some(iteration) => logs::synapse(&mut self.text, &iteration),
                None => {
                    process_name(&mut self.text, SYNAPSE_PID, "Synapse Logger", 0);
                    self.go_to(Section::BridgeLog);
                }
            },
            Section::BridgeLog => match self.serving() {
                Some(iteration) => logs::bridge(&mut self.text, &iteration),
                None => {
                    process_name(&mut self.text, BRIDGE_PID, "Bridge Logs", 0);
                    self.go_to(Section::Server);
                }
            },
            Section::Server => match self.plan.next() {
                Some(iteration) => self.server.iteration(&mut self.text, &iteration),
                None if self.options.high_level_only => self.section = Section::Done,
                None => self.section = Section::Tail,
            },
            Section::Tail => {
                // Names an empty process: vLLM's events carry the worker's own pid.
                process_name(&mut self.text, 1, "vLLM", 0);
                self.text.raw("], \"traceName\": \"");
                let name = self.options.file_name();
                self.text.raw(&name).raw("\"}");
                self.section = Section::Done;
            }
            Section::Done => {}
        }
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK + (CHUNK >> 2));
        self.fill(&mut chunk).then_some(chunk)
    }
}
