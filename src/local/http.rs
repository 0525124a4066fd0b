//! A GET request to a loopback port. Starting and finding the embedded cloud need no more HTTP.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer that are read. Another program on the port may send anything.
const LIMIT: u64 = 64 * 1024;

/// The body of a 200 answer to `GET path`, whole within the deadline.
pub(super) async fn get(port: u16, path: &str, deadline: Duration) -> io::Result<Vec<u8>> {
    tokio::time::timeout(deadline, exchange(port, path))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn exchange(port: u16, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LIMIT).read_to_end(&mut answer).await?;
    body(&answer)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::Error::other("not the embedded cloud's answer"))
}

fn body(answer: &[u8]) -> Option<&[u8]> {
    if !answer.starts_with(b"HTTP/1.1 200") {
        return None;
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(&answer[end + 4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_200_answer_has_a_body() {
        assert_eq!(body(b"HTTP/1.1 200 \r\na: b\r\n\r\n{}"), Some(&b"{}"[..]));
        assert_eq!(body(b"HTTP/1.1 404 Not Found\r\n\r\n{}"), None);
        assert_eq!(body(b"HTTP/1.1 200 OK\r\na: b"), None);
        assert_eq!(body(b"SSH-2.0-OpenSSH"), None);
    }

    #[tokio::test]
    async fn somebody_who_never_answers_is_given_up_at_the_deadline() {
        let mute = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = mute.local_addr().unwrap().port();
        let error = get(port, "/", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
