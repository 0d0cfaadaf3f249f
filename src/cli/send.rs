//! `piglow-node send`: a command, and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tokio::time::Instant;

use super::client::Client;
use super::settings::Flags;
use super::{DONE, FAILED, UNAVAILABLE, logging, runtime};
use crate::clock::unix_millis;
use crate::config::Config;
use crate::light::board::Segment;
use crate::mqtt::Link;
use crate::protocol::{self, Address, Leaf, Rejection, Report, ResultReport};
use crate::units::{GroupName, NodeId};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Send {
    /// To this node [default: `node.id` of the configuration, this host's name]
    #[arg(long, value_name = "ID", group = "to")]
    node: Option<NodeId>,
    /// To all nodes of this group
    #[arg(long, value_name = "NAME", group = "to")]
    group: Option<GroupName>,
    /// To all nodes
    #[arg(long, group = "to")]
    all: bool,
    /// To a part of the board: ring/red … ring/white, arm/top, arm/right, arm/left, led/1 … led/18
    #[arg(long, value_name = "SEGMENT", conflicts_with_all = ["group", "all"])]
    segment: Option<Segment>,
    /// Print each result as a line of JSON
    #[arg(long)]
    json: bool,
    /// Who asks, shown in the node's state
    #[arg(long, value_name = "NAME", default_value = "piglow-node send")]
    from: String,
    /// Seconds to wait for results
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
    /// on, off, toggle, 0 to 255, a colour, an effect, or a JSON object
    command: String,
}

const EXAMPLES: &str = "\
Examples:
  piglow-node send red
  piglow-node send 40                       brightness
  piglow-node send cpu_load                 give the board back to the local load
  piglow-node send --all '{\"effect\":\"chase\",\"for_secs\":10}'
  piglow-node send --group attic '{\"color\":\"#8000ff\",\"transition\":2}'
  piglow-node send --segment arm/top 200";

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds, 0.1 to 3600".to_owned())
}

/// What is known of the nodes that may answer.
#[derive(Default)]
struct Nodes {
    online: BTreeMap<NodeId, bool>,
    groups: BTreeMap<NodeId, Vec<String>>,
    answered: BTreeSet<NodeId>,
}

impl Nodes {
    /// Whether the node is asked.
    fn is_asked(&self, address: &Address, node: &NodeId) -> bool {
        match address {
            Address::Node(id) => id == node,
            Address::All => true,
            Address::Group(group) => self
                .groups
                .get(node)
                .is_some_and(|groups| groups.iter().any(|name| name == group.as_str())),
        }
    }

    /// The nodes that are there and have not answered.
    fn missing(&self, address: &Address) -> Vec<&NodeId> {
        self.online
            .iter()
            .filter(|(node, online)| {
                **online && self.is_asked(address, node) && !self.answered.contains(*node)
            })
            .map(|(node, _)| node)
            .collect()
    }
}

impl Send {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let config = flags.load()?.config;
        logging::to_stderr(&crate::config::Log {
            // The answer is what matters; trouble with the broker is told, its every step is not.
            filter: logging::quiet(&config.log.filter),
            ..config.log
        });
        runtime()?.block_on(self.send(&config))
    }

    async fn send(&self, config: &Config) -> anyhow::Result<u8> {
        let address = self.address(config);
        let id = format!("send-{:016x}", fastrand::u64(..));
        let typed = protocol::command_json(&self.command, &id, &self.from).map_err(of_rejection)?;
        let id = typed.id.unwrap_or_default();
        let leaf = Leaf::LightSet(self.segment.unwrap_or(Segment::Board));
        let mut client = self.connect(config, &address)?;
        // What begins later is answered then.
        let ahead = typed
            .start_unix_millis
            .map_or(0, |start| start - unix_millis());
        let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or_default());
        let deadline = Instant::now() + ahead + self.timeout;

        let mut link = client.link();
        let connected = link.wait_for(|link| *link != Link::Down);
        if tokio::time::timeout_at(deadline, connected).await.is_err() {
            eprintln!(
                "piglow-node: no connection to {} within {:?}",
                config.mqtt.broker_names(),
                self.timeout
            );
            return Ok(UNAVAILABLE);
        }
        if !client.send(&address, leaf, typed.payload) {
            bail!(
                "failed to hand the command to {}",
                config.mqtt.broker_names()
            );
        }
        let code = self.collect(&mut client, &address, &id, deadline).await;
        client.close().await;
        Ok(code)
    }

    fn address(&self, config: &Config) -> Address {
        if self.all {
            return Address::All;
        }
        match (&self.group, &self.node) {
            (Some(group), _) => Address::Group(group.clone()),
            (None, Some(node)) => Address::Node(node.clone()),
            (None, None) => Address::Node(config.node.id.clone()),
        }
    }

    fn connect(&self, config: &Config, address: &Address) -> anyhow::Result<Client> {
        let topics = protocol::Topics::new(config.mqtt.root.clone());
        let leaves = [Leaf::LightResult, Leaf::Availability, Leaf::Info];
        let filters = leaves.map(|leaf| match address {
            Address::Node(_) => topics.build(address, leaf),
            Address::Group(_) | Address::All => topics.of_every_node(leaf),
        });
        Client::connect(config, "send", filters.to_vec())
    }

    /// Prints results until every node that is there has answered.
    async fn collect(
        &self,
        client: &mut Client,
        address: &Address,
        id: &str,
        deadline: Instant,
    ) -> u8 {
        let mut nodes = Nodes::default();
        let mut code = DONE;
        while let Ok(Some((node, report))) =
            tokio::time::timeout_at(deadline, client.reports.recv()).await
        {
            match report {
                Report::Availability(online) => {
                    if !online && matches!(address, Address::Node(_)) {
                        eprintln!("piglow-node: {node} is offline");
                        return UNAVAILABLE;
                    }
                    nodes.online.insert(node, online);
                }
                Report::Info { groups, .. } => {
                    nodes.groups.insert(node, groups);
                }
                Report::Result(result) if result.id.as_deref() == Some(id) => {
                    self.print(&node, &result);
                    if !result.is_success {
                        code = FAILED;
                    }
                    nodes.answered.insert(node);
                    if nodes.missing(address).is_empty() {
                        return code;
                    }
                }
                Report::Result(_)
                | Report::Light(_)
                | Report::Load(_)
                | Report::Panel(_)
                | Report::Frame(_) => {}
            }
        }
        self.explain_silence(&nodes, address);
        UNAVAILABLE
    }

    fn print(&self, node: &NodeId, result: &ResultReport) {
        if self.json {
            println!("{}", protocol::result_line(node, result));
        } else {
            println!("{node}: {}", result.text);
        }
    }

    fn explain_silence(&self, nodes: &Nodes, address: &Address) {
        let missing = nodes.missing(address);
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|node| node.as_str()).collect();
            eprintln!(
                "piglow-node: no answer within {:?} from {}",
                self.timeout,
                names.join(", ")
            );
            return;
        }
        let known: Vec<&str> = nodes.online.keys().map(NodeId::as_str).collect();
        let asked = match address {
            Address::Node(node) => format!("a node with the id {node}"),
            Address::Group(group) => format!("a node of the group {group}"),
            Address::All => "any node".to_owned(),
        };
        let hint = if known.is_empty() {
            "does the node run, with this broker and this `mqtt.root`?".to_owned()
        } else {
            format!("known here: {}", known.join(", "))
        };
        eprintln!(
            "piglow-node: no answer within {:?} from {asked}; {hint}",
            self.timeout
        );
    }
}

fn of_rejection(rejection: Rejection) -> anyhow::Error {
    anyhow::anyhow!("the command is not sent: expected {}", rejection.expected)
}
