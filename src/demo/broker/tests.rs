use super::*;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{LastWill, Publish};
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, IncomingPacketSizeLimit, MqttOptions, PublishOptions,
};
use std::time::Duration;
use tokio::time::timeout;

/// Longer than anything here takes; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(10);

async fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .unwrap()
}

struct Client {
    requests: AsyncClient,
    events: EventLoop,
}

impl Client {
    async fn connect(id: &str, address: SocketAddr, will: Option<LastWill>) -> Self {
        let mut options = MqttOptions::new(id, (address.ip().to_string(), address.port()));
        options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(256 * 1024));
        if let Some(will) = will {
            options.set_last_will(will);
        }
        let (requests, events) = AsyncClient::builder(options).capacity(8).build();
        let mut client = Self { requests, events };
        client
            .wait(|event| matches!(event, Incoming::ConnAck(_)).then_some(()))
            .await;
        client
    }

    /// Polls until an incoming packet is what the caller waits for.
    async fn wait<T>(&mut self, mut wanted: impl FnMut(&Incoming) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.unwrap()
                    && let Some(found) = wanted(&packet)
                {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap()
    }

    async fn publish(&mut self, topic: &str, payload: Vec<u8>, retain: bool) {
        let options = PublishOptions::at_least_once().retain(retain);
        self.requests
            .publish(topic, payload, options)
            .await
            .unwrap();
        self.wait(|packet| matches!(packet, Incoming::PubAck(_)).then_some(()))
            .await;
    }

    async fn subscribe(&mut self, filter: &str) {
        self.requests
            .subscribe(filter, QoS::AtLeastOnce)
            .await
            .unwrap();
        self.wait(|packet| matches!(packet, Incoming::SubAck(_)).then_some(()))
            .await;
    }

    async fn message(&mut self) -> Publish {
        let publish = |packet: &Incoming| {
            if let Incoming::Publish(publish) = packet {
                Some(publish.clone())
            } else {
                None
            }
        };
        self.wait(publish).await
    }
}

#[tokio::test]
async fn retained_message_survives_the_reconnect_of_a_client() {
    let broker = broker().await;
    let mut writer = Client::connect("writer", broker.address(), None).await;
    writer.publish("test/state", b"on".to_vec(), true).await;
    drop(writer);
    for _ in 0..2 {
        let mut reader = Client::connect("reader", broker.address(), None).await;
        reader.subscribe("test/#").await;
        let message = reader.message().await;
        assert_eq!(message.payload.as_ref(), b"on");
        assert!(message.retain);
    }
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn will_is_published_when_a_client_vanishes() {
    let broker = broker().await;
    let mut reader = Client::connect("reader", broker.address(), None).await;
    reader.subscribe("test/status").await;
    let will = LastWill::new("test/status", "offline", QoS::AtLeastOnce, true, None);
    let vanishing = Client::connect("vanishing", broker.address(), Some(will)).await;
    drop(vanishing);
    assert_eq!(reader.message().await.payload.as_ref(), b"offline");
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn busy_port_falls_to_the_next() {
    let first = broker().await;
    let port = first.address().port();
    let second = EmbeddedBroker::start(BrokerOptions { port: Some(port) })
        .await
        .unwrap();
    assert_ne!(second.address(), first.address());
    assert!(second.address().ip().is_loopback());
    Client::connect("anyone", second.address(), None).await;
    second.stop().await.unwrap();
    first.stop().await.unwrap();
}

#[tokio::test]
async fn stop_closes_connections_and_frees_the_port() {
    let broker = broker().await;
    let address = broker.address();
    let mut client = Client::connect("client", address, None).await;
    broker.stop().await.unwrap();
    let broken = async { while client.events.poll().await.is_ok() {} };
    timeout(PATIENCE, broken).await.unwrap();
    let again = BrokerOptions {
        port: Some(address.port()),
    };
    let broker = EmbeddedBroker::start(again).await.unwrap();
    assert_eq!(broker.address(), address);
    Client::connect("client", address, None).await;
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn restarted_broker_remembers_nothing() {
    let broker = broker().await;
    let address = broker.address();
    let mut writer = Client::connect("writer", address, None).await;
    writer.publish("test/state", b"old".to_vec(), true).await;
    broker.stop().await.unwrap();
    let again = BrokerOptions {
        port: Some(address.port()),
    };
    let broker = EmbeddedBroker::start(again).await.unwrap();
    let mut reader = Client::connect("reader", address, None).await;
    reader.subscribe("test/#").await;
    reader.publish("test/state", b"fresh".to_vec(), false).await;
    assert_eq!(reader.message().await.payload.as_ref(), b"fresh");
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn plus_in_a_client_id_harms_nobody() {
    let broker = broker().await;
    let _odd = Client::connect("a+b#c", broker.address(), None).await;
    let mut other = Client::connect("other", broker.address(), None).await;
    other.subscribe("test/#").await;
    other.publish("test/x", b"1".to_vec(), false).await;
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn payload_of_64_kib_arrives_whole() {
    let broker = broker().await;
    let mut reader = Client::connect("reader", broker.address(), None).await;
    reader.subscribe("test/large").await;
    let mut writer = Client::connect("writer", broker.address(), None).await;
    writer.publish("test/large", vec![7; 64 * 1024], true).await;
    assert_eq!(reader.message().await.payload.len(), 64 * 1024);
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_to_disk() {
    let broker = broker().await;
    let mut writer = Client::connect("writer", broker.address(), None).await;
    writer.publish("test/state", b"on".to_vec(), true).await;
    broker.stop().await.unwrap();
    assert!(!std::path::Path::new("mqtt_storage").exists());
}
