//! The way to the broker, and what it allows.

use std::net::IpAddr;
use std::time::Duration;

use super::configuration::is_here;
use super::{Finding, Level, Place, Section};
use crate::config::BrokerUrl;
use crate::mqtt::{Cause, Exam, Greeting, Kept, Trouble, Verdict};
use crate::units::NodeId;
use crate::warden::Report;

/// The largest message of a node, in bytes: the one by which Home Assistant knows it.
const LARGEST: u32 = 17_000;

/// Which broker was examined, for whom.
pub struct Subject<'a> {
    /// The broker.
    pub url: &'a BrokerUrl,
    /// Which of several it is.
    pub name: Option<String>,
    /// The user it is asked as.
    pub user: Option<&'a str>,
    /// The node.
    pub node: &'a NodeId,
    /// The node that runs here, if one does.
    pub running: Option<&'a Report>,
    /// The topic of the node's availability.
    pub availability: &'a str,
    /// Where this program runs.
    pub place: Place,
    /// The groups whose commands the node obeys.
    pub groups: &'a [String],
}

/// What there is to say of a broker.
#[must_use]
pub fn broker(exam: &Exam, subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        exam.files
            .as_ref()
            .map(|files| step(files, "url", subject, |()| (Level::Ok, who(subject)))),
        exam.name.as_ref().map(|name| {
            step(name, "name", subject, |addresses| {
                if subject.url.host().parse::<IpAddr>().is_ok() {
                    return (
                        Level::Ok,
                        "an address: there is nothing to look up".to_owned(),
                    );
                }
                let addresses: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
                (
                    Level::Ok,
                    format!("{} is {}", subject.url.host(), addresses.join(", ")),
                )
            })
        }),
        exam.tcp.as_ref().map(|tcp| {
            step(tcp, "tcp", subject, |took| {
                (
                    Level::Ok,
                    format!("{} answers in {}", subject.url.authority(), millis(*took)),
                )
            })
        }),
        exam.tls.as_ref().map(|tls| {
            step(tls, "tls", subject, |secured| match secured.is_lasting {
                Some(true) => (
                    Level::Ok,
                    format!("{}, its certificate is trusted", secured.version),
                ),
                Some(false) => (
                    Level::Warn,
                    format!(
                        "{}, its certificate is trusted, and ends within 30 days",
                        secured.version
                    ),
                ),
                None => (
                    Level::Ok,
                    format!("{}; its certificate was not checked", secured.version),
                ),
            })
        }),
        exam.login
            .as_ref()
            .map(|login| login_finding(login, exam, subject)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(Finding {
        level: Level::Warn,
        fix,
        ..
    }) = findings.iter_mut().find(|finding| finding.check == "tls")
        && fix.is_empty()
    {
        fix.push(super::Step::Run(
            "mosquitto/credentials renew   # where the broker runs, then restart it".to_owned(),
        ));
    }
    if let Some(Ok(greeting)) = &exam.login {
        findings.push(limits(greeting, subject));
        findings.push(subscriptions(exam, subject));
        findings.push(publishing(exam, greeting, subject));
        findings.extend(kept(exam, subject));
    } else {
        for check in ["login", "limits", "subscriptions", "publishing", "retained"] {
            if !findings.iter().any(|finding| finding.check == check) {
                findings.push(finding(
                    subject,
                    check,
                    Level::Skip,
                    "not checked: what comes before it failed",
                ));
            }
        }
    }
    findings
}

fn finding(
    subject: &Subject<'_>,
    check: &'static str,
    level: Level,
    text: impl Into<String>,
) -> Finding {
    let mut finding = Finding::new(Section::Broker, check, level, text);
    finding.subject.clone_from(&subject.name);
    finding
}

fn step<T>(
    outcome: &Result<T, Trouble>,
    check: &'static str,
    subject: &Subject<'_>,
    say: impl FnOnce(&T) -> (Level, String),
) -> Finding {
    match outcome {
        Ok(facts) => {
            let (level, text) = say(facts);
            finding(subject, check, level, text)
        }
        Err(trouble) => remedy(
            trouble,
            finding(subject, check, Level::Fail, trouble.text.as_str()),
            subject,
        ),
    }
}

fn millis(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".to_owned(),
        millis => format!("{millis} ms"),
    }
}

fn who(subject: &Subject<'_>) -> String {
    let user = subject.user.map_or_else(
        || "without a user name".to_owned(),
        |user| format!("as {user}"),
    );
    format!("{}, {user}", subject.url.place())
}

/// What to do about a trouble on the way.
fn remedy(trouble: &Trouble, finding: Finding, subject: &Subject<'_>) -> Finding {
    let (host, port) = (subject.url.host(), subject.url.port());
    let in_container = subject.place.is_container();
    match trouble.cause {
        Cause::Files => finding.run("piglow-node check-config   # which file is meant, and who says so"),
        Cause::Name if host.ends_with(".local") && in_container => finding
            .act("names in .local are not known in a container: use the address, or give it the name:")
            .run(format!("docker run --add-host {host}:192.168.1.5 …   # in compose: extra_hosts")),
        Cause::Name if host.ends_with(".local") => finding
            .run("sudo apt-get install avahi-daemon libnss-mdns   # on both machines")
            .run(format!("getent hosts {host}")),
        Cause::Name => finding.run(format!("getent hosts {host}")).run("cat /etc/resolv.conf"),
        Cause::Closed | Cause::Silent if in_container && is_here(host) => finding
            .act(format!("{host} is this container itself: name the broker's container, or the host:"))
            .run("docker run --add-host host.docker.internal:host-gateway …   # and --url mqtt://host.docker.internal"),
        Cause::Closed if is_here(host) => finding
            .run("sudo systemctl status mosquitto")
            .act("a broker elsewhere: name it, --url mqtt://broker.local or mqtt.url"),
        Cause::Closed => finding
            .run("sudo systemctl status mosquitto   # where the broker runs")
            .run(format!("sudo ss -ltn 'sport = :{port}'   # there too: 127.0.0.1 alone means `listener {port}` is missing")),
        Cause::Silent => finding
            .run(format!("ping -c 3 {host}"))
            .run(format!("sudo nft list ruleset | grep {port}   # where the broker runs")),
        Cause::NoTls => finding.act("mqtts and wss are for ports with TLS, usually 8883 and 443; mqtt and ws for those without, 1883 and 80"),
        Cause::UnknownIssuer => finding
            .run(format!("openssl s_client -connect {host}:{port} -showcerts </dev/null   # who signed it: the line `issuer`"))
            .act("bring that authority's certificate here, and name it: mqtt.ca_file = \"/etc/piglow/ca.pem\""),
        Cause::CertificateTime => finding
            .run("date   # is this computer's clock right?")
            .run("mosquitto/credentials renew server   # where the broker runs, then restart it"),
        Cause::CertificateName => finding
            .run(format!("openssl s_client -connect {host}:{port} </dev/null | openssl x509 -noout -ext subjectAltName"))
            .act("use one of these names in mqtt.url, or as mqtt.server_name"),
        Cause::ClientCertificate => finding.run("piglow-node check-config   # mqtt.client_certificate_file and mqtt.client_key_file"),
        Cause::Credentials => credentials(finding, subject),
        Cause::ClientId => finding.act("set mqtt.client_id to one that the broker takes; the doctor asks with one of its own, piglow-doctor-…"),
        Cause::Protocol | Cause::Other => finding.run("sudo journalctl -u mosquitto -n 20   # where the broker runs"),
    }
}

fn credentials(finding: Finding, subject: &Subject<'_>) -> Finding {
    match subject.user {
        Some(user) => finding
            .run("piglow-node check-config   # mqtt.username and where the password comes from")
            .run(format!("mosquitto/credentials renew {user}   # where the broker runs: a new password, then reload it")),
        None => finding.run(format!(
            "mosquitto/credentials node {}   # where the broker runs: makes a user, then reload it",
            subject.node
        )),
    }
}

fn login_finding(login: &Result<Greeting, Trouble>, exam: &Exam, subject: &Subject<'_>) -> Finding {
    if exam.speaks_3_1_1 {
        return finding(
            subject,
            "login",
            Level::Fail,
            format!(
                "{} answers in MQTT 3.1.1 and not in MQTT 5, which the node needs",
                subject.url.authority()
            ),
        )
        .act("use a broker with MQTT 5: Mosquitto from 1.6, EMQX, HiveMQ, RabbitMQ from 3.13")
        .run("mosquitto -h | head -n 1   # where the broker runs: its version");
    }
    step(login, "login", subject, |greeting| {
        (
            Level::Ok,
            format!("let in, with MQTT 5, in {}", millis(greeting.took)),
        )
    })
}

fn limits(greeting: &Greeting, subject: &Subject<'_>) -> Finding {
    let found = |level, text: String| finding(subject, "limits", level, text);
    if greeting.qos == 0 {
        return found(
            Level::Fail,
            "the broker knows no QoS 1, by which states and answers are sent".to_owned(),
        )
        .act("raise it there (Mosquitto: max_qos 2)");
    }
    if !greeting.retains {
        return found(
            Level::Fail,
            "the broker keeps no messages: nobody who comes later sees the node's states"
                .to_owned(),
        )
        .act("allow it there (Mosquitto: retain_available true)");
    }
    if let Some(max) = greeting.packet_max
        && max < LARGEST
    {
        return found(
            Level::Warn,
            format!("the broker takes at most {max} bytes in a packet; the message for Home Assistant has about {LARGEST}"),
        )
        .act("raise it there (Mosquitto: max_packet_size 65536), or turn it off: discovery.enabled = false");
    }
    if !greeting.has_wildcards {
        return found(
            Level::Warn,
            "the broker allows no wildcards: commands to single segments don't arrive".to_owned(),
        )
        .act("allow them there");
    }
    found(
        Level::Ok,
        format!("QoS {}, keeps messages, allows wildcards", greeting.qos),
    )
}

fn subscriptions(exam: &Exam, subject: &Subject<'_>) -> Finding {
    let found = |level, text: String| finding(subject, "subscriptions", level, text);
    let granted = match &exam.subscriptions {
        Some(Ok(granted)) => granted,
        Some(Err(trouble)) => {
            return remedy(trouble, found(Level::Fail, trouble.text.clone()), subject);
        }
        None => {
            return found(
                Level::Skip,
                "not checked: what comes before it failed".to_owned(),
            );
        }
    };
    let refused: Vec<&str> = granted.iter().filter_map(Option::as_deref).collect();
    if refused.is_empty() {
        return found(
            Level::Ok,
            format!(
                "all {} of the node are granted (Mosquitto grants before it looks at its access list: piglow-node send shows whether \
                 commands arrive)",
                granted.len()
            ),
        );
    }
    let rights = found(
        Level::Fail,
        format!(
            "{} of {} refused: {}",
            refused.len(),
            granted.len(),
            refused.join("; ")
        ),
    );
    grant(rights, subject)
}

/// The command that gives the node its rights.
fn grant(finding: Finding, subject: &Subject<'_>) -> Finding {
    let groups = if subject.groups.is_empty() {
        String::new()
    } else {
        format!(" --groups {}", subject.groups.join(","))
    };
    finding.run(format!(
        "mosquitto/credentials node {}{groups}   # where the broker runs: its rights are those of the user of this name",
        subject.node
    ))
}

fn publishing(exam: &Exam, greeting: &Greeting, subject: &Subject<'_>) -> Finding {
    let found = |level, text: String| finding(subject, "publishing", level, text);
    let verdicts = match &exam.publishing {
        Some(Ok(verdicts)) => verdicts,
        Some(Err(trouble)) => {
            return remedy(trouble, found(Level::Fail, trouble.text.clone()), subject);
        }
        None => {
            let text = format!(
                "not checked: rights are asked for by QoS 2, and this broker knows QoS {} at most",
                greeting.qos
            );
            return found(Level::Skip, text);
        }
    };
    let refused: Vec<String> = verdicts
        .iter()
        .filter_map(|(topic, verdict)| match verdict {
            Verdict::Refused(why) => Some(format!("{topic} ({why})")),
            Verdict::Taken | Verdict::Unknown => None,
        })
        .collect();
    if !refused.is_empty() {
        let user = subject.user.unwrap_or("nobody");
        let text = format!(
            "{user} may not write {} of {} topics: {}",
            refused.len(),
            verdicts.len(),
            some(&refused)
        );
        return grant(found(Level::Fail, text), subject);
    }
    let unknown = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Unknown)
        .count();
    if unknown > 0 {
        return found(
            Level::Warn,
            format!(
                "the broker did not say whether {unknown} of {} topics may be written",
                verdicts.len()
            ),
        )
        .run("sudo journalctl -u mosquitto -n 20   # where the broker runs");
    }
    found(
        Level::Ok,
        format!("all {} topics of the node may be written", verdicts.len()),
    )
}

/// The first few of a list, and how many there are besides.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all[..all.len().min(SHOWN)].join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn kept(exam: &Exam, subject: &Subject<'_>) -> Vec<Finding> {
    let found = |level, text: String| finding(subject, "retained", level, text);
    let kept = match &exam.kept {
        Some(Ok(kept)) => kept,
        Some(Err(trouble)) => {
            return vec![remedy(
                trouble,
                found(Level::Warn, trouble.text.clone()),
                subject,
            )];
        }
        None => {
            return vec![found(
                Level::Skip,
                "not checked: what comes before it failed".to_owned(),
            )];
        }
    };
    let mut findings = vec![availability(kept, subject)];
    let commands = kept.iter().map(|kept| &kept.topic);
    for topic in commands.filter(|topic| topic.ends_with("/set") || topic.ends_with("/identify")) {
        let (host, port) = (subject.url.host(), subject.url.port());
        findings.push(
            found(
                Level::Warn,
                format!("a retained command lies on {topic}: it is refused at each connection, and meant by nobody any more"),
            )
            .run(format!("mosquitto_pub -h {host} -p {port} -t {topic} -r -n   # with a user who may write there")),
        );
    }
    findings
}

fn availability(kept: &[Kept], subject: &Subject<'_>) -> Finding {
    let found = |level, text: String| finding(subject, "retained", level, text);
    let node = subject.node;
    let word = kept.iter().find(|kept| kept.topic == subject.availability);
    match (word.map(|kept| kept.payload.as_slice()), subject.running) {
        (Some(b"online"), Some(_)) => found(Level::Ok, format!("the broker has {node} online, and {} of its topics", kept.len())),
        (Some(b"online"), None) => found(
            Level::Warn,
            format!("the broker has {node} online, and no such node is seen to run here: does another machine have the same id?"),
        )
        .act("give each node its own node.id; a node in a container is asked in that container, or as its user"),
        (Some(_), Some(running)) if running.broker.connected => found(
            Level::Warn,
            format!("the node {node} runs here and is connected, and this broker has it offline: is it with another broker?"),
        )
        .run("piglow-node health"),
        (Some(_), _) => found(Level::Info, format!("the broker has {node} offline, and {} of its topics", kept.len())),
        (None, _) if kept.is_empty() => found(
            Level::Info,
            format!("nothing of {node} can be seen: it has never been there, or this user may not read it (a node's own user need not)"),
        ),
        (None, _) => found(Level::Info, format!("{} topics of {node} are kept, and not whether it is online", kept.len())),
    }
}
