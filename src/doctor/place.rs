//! Where the program runs: on the host itself or in a container, and whose.

use serde::Serialize;

use super::Readings;

/// Where the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "engine")]
pub enum Place {
    /// On the host itself.
    Host,
    /// In a container.
    Container(Engine),
}

/// Who made the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Docker, compose included.
    Docker,
    /// Podman as root.
    Podman,
    /// Podman of an ordinary user: it drops the user's groups.
    RootlessPodman,
    /// A pod of Kubernetes or k3s.
    Kubernetes,
    /// Something else.
    Other,
}

impl Engine {
    /// The engine's name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::RootlessPodman => "Podman without root",
            Self::Kubernetes => "Kubernetes",
            Self::Other => "an unknown engine",
        }
    }
}

impl Place {
    /// Tells by the traces that engines leave.
    #[must_use]
    pub fn of(readings: &Readings) -> Self {
        let traces = &readings.traces;
        let named = traces.variable.as_deref();
        // A virtual machine, or a card, that was made of a container's image keeps its marks.
        let is_inside = traces.is_root_layered || !traces.is_first_namespace;
        if traces.is_pod {
            return Self::Container(Engine::Kubernetes);
        }
        if named == Some("podman") || (traces.has_containerenv && is_inside) {
            return Self::Container(if readings.user.is_mapped {
                Engine::RootlessPodman
            } else {
                Engine::Podman
            });
        }
        if named == Some("docker") || (traces.has_dockerenv && is_inside) {
            return Self::Container(Engine::Docker);
        }
        if named.is_some() || traces.is_root_layered || (traces.is_alone && is_inside) {
            return Self::Container(Engine::Other);
        }
        Self::Host
    }

    /// Whether it is a container.
    #[must_use]
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Container(_))
    }
}
