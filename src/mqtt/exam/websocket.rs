//! A websocket as a stream of bytes, as the library makes one of it.

use async_tungstenite::bytes::{ByteReader, ByteWriter};
use async_tungstenite::tokio::client_async;
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::http::HeaderValue;
use rumqttc::ConnectionError;
use tokio::time::timeout;

use super::exchange::LIMIT;
use crate::config::BrokerUrl;
use crate::mqtt::dial::Socket;

/// Asks for a websocket that carries MQTT (MQTT 5, section 6).
pub(super) async fn open(
    socket: Box<dyn Socket>,
    url: &BrokerUrl,
) -> Result<Box<dyn Socket>, ConnectionError> {
    let place = format!("ws://{}{}", url.authority(), url.path().unwrap_or("/mqtt"));
    let mut request = place.into_client_request()?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let (stream, _) = timeout(LIMIT, client_async(request, socket)).await??;
    let (sender, receiver) = stream.split();
    Ok(Box::new(tokio::io::join(
        ByteReader::new(receiver),
        ByteWriter::new(sender),
    )))
}
