//! Where the page is: its address, the port that stays the same, and the word that is new each time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::error::{Error, Exit, Result};
use crate::files::write_all_whole;
use crate::text::hex;

/// Ports of classes: below those that systems give to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// Ports that are tried after the class's own.
const TRIES: u16 = 20;

/// An address that is listened at.
#[derive(Debug)]
pub(super) struct PageAddress {
    pub(super) listener: TcpListener,
    /// What a browser is told.
    pub(super) address: SocketAddr,
    /// Whether other machines reach it.
    pub(super) is_shared: bool,
    /// What the person should know.
    pub(super) note: Option<String>,
}

/// The port of a class: the same each time, because browsers keep by it what was chosen on the page. `what` tells it from others.
pub(super) fn usual_port(what: &[&str]) -> u16 {
    let digest = Sha256::digest(what.join("\0"));
    let number = u32::from_be_bytes([0, digest[0], digest[1], digest[2]]);
    let ports = u32::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(number % ports).unwrap_or_default()
}

impl PageAddress {
    /// Listens at the port that was asked for, or else at the usual one or the next that is free.
    ///
    /// # Errors
    /// When the address is not this machine's, or the port that was asked for is taken.
    pub(super) async fn listen(at: IpAddr, asked: Option<u16>, usual: u16) -> Result<Self> {
        let failed = |port: u16, error: &io::Error, hint: &str| {
            let address = SocketAddr::from((at, port));
            Error::new(
                Exit::General,
                address.to_string(),
                format!("cannot listen: {error}"),
            )
            .hint(hint)
        };
        if let Some(port) = asked {
            return match TcpListener::bind((at, port)).await {
                Ok(listener) => Self::of(listener, None),
                Err(error) => Err(failed(port, &error, "leave --port out to take a free one")),
            };
        }
        let ports = (usual..=usual.saturating_add(TRIES)).chain([0]);
        for port in ports {
            match TcpListener::bind((at, port)).await {
                Ok(listener) => return Self::of(listener, (port != usual).then_some(usual)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    let hint = "give an address of this machine (--listen), or leave it out";
                    return Err(failed(port, &error, hint));
                }
            }
        }
        let error = io::ErrorKind::AddrInUse.into();
        Err(failed(usual, &error, "give another port (--port)"))
    }

    /// `taken`: the port of the class, where that was not free.
    fn of(listener: TcpListener, taken: Option<u16>) -> Result<Self> {
        let local = listener.local_addr().map_err(super::general("watch"))?;
        let own = local.port();
        let taken = taken.map(|port| {
            format!("port {port}, this class's own, is taken (by another watch of it?): this one is at {own}")
        });
        let facing = told(local.ip(), faces);
        let alone = facing.is_none().then(|| {
            format!("this machine is in no network yet: the address is for it alone. Once it is in one, other machines put its address there, with port {own}")
        });
        let notes: Vec<String> = taken.into_iter().chain(alone).collect();
        let loopback = match local.is_ipv4() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        };
        Ok(Self {
            address: SocketAddr::new(facing.unwrap_or(loopback), own),
            is_shared: !local.ip().is_loopback(),
            listener,
            note: (!notes.is_empty()).then(|| notes.join(". ")),
        })
    }

    pub(super) fn url(&self, word: &str) -> String {
        format!("http://{}/{word}/", self.address)
    }
}

/// An address that a browser can be told: of those that stand for all of this machine's, the one that faces the network, if
/// any does.
fn told(at: IpAddr, faces: impl FnOnce(IpAddr) -> io::Result<IpAddr>) -> Option<IpAddr> {
    match at.is_unspecified() {
        false => Some(at),
        true => faces(at).ok().filter(|facing| !facing.is_unspecified()),
    }
}

/// The address of this machine that faces the network, of the kind of `at`.
fn faces(at: IpAddr) -> io::Result<IpAddr> {
    // Documentation addresses (RFC 5737, RFC 3849). Connecting a datagram socket sends nothing.
    let other: IpAddr = match at {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((at, 0))?;
    socket.connect((other, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// The random word in the address, a new one each time: a page that is left open goes on asking at the port of a watch that
/// has ended, and so tells its word to whoever listens there then.
///
/// # Errors
/// When the system gives no random bytes.
pub(super) fn secret_word() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(&bytes))
}

/// A file that leads a browser to the page, while it is there; its place stays the same, to be bookmarked. See
/// [`crate::verbs::browser`], too.
#[derive(Debug)]
pub(super) struct Signpost {
    path: PathBuf,
    page: String,
}

impl Signpost {
    /// # Errors
    /// When it cannot be written.
    pub(super) fn put(folder: &Path, url: &str) -> io::Result<Self> {
        // Not a hidden name: browsers in a sandbox may not read those.
        let path = folder.join("watch.html");
        // The address is digits, dots, colons, brackets and hex: nothing to escape.
        let page = format!(
            "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
             <meta http-equiv=\"refresh\" content=\"0; url={url}\"><title>homeroom watch</title><a href=\"{url}\">The page</a>"
        );
        write_all_whole(folder, vec![(path.clone(), page.clone().into_bytes())])?;
        Ok(Self { path, page })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Signpost {
    fn drop(&mut self) {
        // Another watch of the class may have put its own there. One that is left leads nowhere.
        if std::fs::read_to_string(&self.path).is_ok_and(|page| page == self.page) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_class_has_the_same_port_each_time_and_another_class_another() {
        let port = usual_port(&["spring", "lab6", "1", "us-east-1"]);
        assert_eq!(port, usual_port(&["spring", "lab6", "1", "us-east-1"]));
        assert_ne!(port, usual_port(&["autumn", "lab6", "1", "us-east-1"]));
        for class in 0..500 {
            assert!(PORTS.contains(&usual_port(&[&class.to_string()])));
        }
    }

    #[tokio::test]
    async fn the_next_port_is_taken_and_said_where_the_usual_one_is_not_free() {
        let other = TcpListener::bind((HERE, 0)).await.unwrap();
        let taken = other.local_addr().unwrap().port();
        let place = PageAddress::listen(HERE, None, taken).await.unwrap();
        assert_ne!(place.address.port(), taken);
        let note = place.note.unwrap();
        assert!(note.contains(&taken.to_string()), "{note}");
        assert!(note.contains(&place.address.port().to_string()), "{note}");
        assert!(!place.is_shared);
        // A port that was asked for is that one or none.
        let refused = PageAddress::listen(HERE, Some(taken), 0).await.unwrap_err();
        assert!(refused.to_string().contains("cannot listen"), "{refused}");
    }

    #[tokio::test]
    async fn an_address_that_stands_for_all_is_shared_and_told_as_one() {
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let place = PageAddress::listen(all, Some(0), 0).await.unwrap();
        assert!(place.is_shared);
        let nobodys = "192.0.2.7".parse().unwrap();
        let refused = PageAddress::listen(nobodys, None, 0).await.unwrap_err();
        assert!(refused.to_string().contains("192.0.2.7"), "{refused}");
    }

    #[test]
    fn where_no_network_is_the_address_is_this_machines_own() {
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let none = |_| Err(io::ErrorKind::NetworkUnreachable.into());
        assert_eq!(told(all, none), None);
        assert_eq!(told(all, Ok), None);
        assert_eq!(told(all, |_| Ok(HERE)), Some(HERE));
        let given = "192.168.7.20".parse().unwrap();
        assert_eq!(told(given, none), Some(given));
    }

    #[test]
    fn the_word_is_another_each_time() {
        let word = secret_word().unwrap();
        assert_eq!(word.len(), 32);
        assert_ne!(secret_word().unwrap(), word);
    }

    #[test]
    fn what_leads_to_the_page_is_private_and_gone_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let sign = Signpost::put(dir.path(), "http://127.0.0.1:20000/00ff/").unwrap();
        let path = sign.path().to_owned();
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(
            page.contains("url=http://127.0.0.1:20000/00ff/\""),
            "{page}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let other = Signpost::put(dir.path(), "http://127.0.0.1:20001/ff00/").unwrap();
        drop(sign);
        assert!(path.exists(), "the other's leads on");
        drop(other);
        assert!(!path.exists());
    }
}
