//! The floor: the least that publishes each second by the libraries that the node uses. `floor ID HOST PORT [tls]`
//!
//! It shows nothing, obeys nobody and has one thread. With the feature `readings` it reads of the host what the node reads, and with
//! `whole` it does the least with each of the node's other libraries too: then it lights the LEDs on a second thread, once, or with
//! `FLOOR_LOADS=200` at each change of the CPU's load, which it reads at that interval in ms.

#[cfg(feature = "readings")]
mod readings;
#[cfg(feature = "whole")]
mod whole;

use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, NetworkOptions, PublishOptions};

fn main() {
    #[cfg(feature = "whole")]
    let options = whole::begin();
    #[cfg(not(feature = "whole"))]
    let options = {
        let mut words = std::env::args().skip(1);
        let mut word = || words.next().expect("floor ID HOST PORT [tls]");
        let (id, host, port) = (word(), word(), word().parse().expect("a port"));
        options(&id, (host, port), words.next().is_some())
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run(options));
}

fn options(id: &str, broker: impl Into<rumqttc::Broker>, tls: bool) -> MqttOptions {
    let mut options = MqttOptions::new(id, broker);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_network_options(network)
        .set_keep_alive(15)
        .set_outgoing_inflight_upper_limit(64);
    if tls {
        #[cfg(feature = "tls")]
        options.set_transport(rumqttc::Transport::tls_with_default_config());
        #[cfg(not(feature = "tls"))]
        panic!("built without TLS");
    }
    options
}

async fn run(options: MqttOptions) {
    // What it is known by: each floor has topics of its own.
    let topic = format!("{}/constant", options.client_id());
    let (client, mut events) = AsyncClient::builder(options).capacity(16).build();
    #[cfg(feature = "readings")]
    let mut message = {
        let mut host = readings::Host::open();
        move || host.sample()
    };
    #[cfg(not(feature = "readings"))]
    let message = || "1";
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let publish = async {
        loop {
            ticks.tick().await;
            let sent = client.publish(topic.as_str(), message(), PublishOptions::at_most_once());
            sent.await.expect("the loop below");
        }
    };
    let poll = async { while events.poll().await.is_ok() {} };
    #[cfg(feature = "whole")]
    let (mut end, mut follow) = (
        std::pin::pin!(whole::told_to_end()),
        std::pin::pin!(whole::follow_the_load()),
    );
    // A future of the join's own kind, without its crate.
    let (mut publish, mut poll) = (std::pin::pin!(publish), std::pin::pin!(poll));
    std::future::poll_fn(|context| {
        #[cfg(feature = "whole")]
        if end.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        #[cfg(feature = "whole")]
        let _: std::task::Poll<()> = follow.as_mut().poll(context);
        let _: std::task::Poll<()> = publish.as_mut().poll(context);
        poll.as_mut().poll(context)
    })
    .await;
}
