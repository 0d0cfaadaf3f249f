//! The floor: the least that publishes each second by the libraries that the node uses. `floor HOST PORT [tls]`
//!
//! It reads nothing, shows nothing, obeys nobody and has one thread.

use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, NetworkOptions, PublishOptions};

fn main() {
    let mut words = std::env::args().skip(1);
    let host = words.next().expect("floor HOST PORT [tls]");
    let port: u16 = words
        .next()
        .and_then(|port| port.parse().ok())
        .expect("floor HOST PORT [tls]");
    let mut options = MqttOptions::new("floor", (host, port));
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_network_options(network)
        .set_keep_alive(15)
        .set_outgoing_inflight_upper_limit(64);
    if words.next().is_some() {
        #[cfg(feature = "tls")]
        options.set_transport(rumqttc::Transport::tls_with_default_config());
        #[cfg(not(feature = "tls"))]
        panic!("built without TLS");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(options));
}

async fn run(options: MqttOptions) {
    let (client, mut events) = AsyncClient::builder(options).capacity(16).build();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let publish = async {
        loop {
            ticks.tick().await;
            let message = client.publish("floor/constant", "1", PublishOptions::at_most_once());
            message.await.expect("the loop below");
        }
    };
    let poll = async { while events.poll().await.is_ok() {} };
    // A future of the join's own kind, without its crate.
    let (mut publish, mut poll) = (std::pin::pin!(publish), std::pin::pin!(poll));
    std::future::poll_fn(|context| {
        let _: std::task::Poll<()> = publish.as_mut().poll(context);
        poll.as_mut().poll(context)
    })
    .await;
}
