//! Runs a web server, waits until it is ready, and asks it for a page through a port of this machine.
//!
//! ```sh
//! cargo run -p driver-interface --example web_server                                   # on a mock
//! cargo run -p driver-interface --features docker --example web_server -- docker:      # on Docker
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driver_interface::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PORT: u16 = 8080;
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let driver = connect(args.next().as_deref().unwrap_or("mock-docker:")).await?;
    let image = args.next().unwrap_or_else(|| "busybox".to_owned());
    let session = SessionId::new(format!("web-server-{}", std::process::id()))?;

    let outcome = web_server(&*driver, &session, &image).await;
    // Whatever happened, everything of the session goes.
    let removed = driver.remove_session(&session).await;
    outcome?;
    ensure!(removed.failures.is_empty(), "left behind: {:?}", removed.failures);
    Ok(())
}

async fn web_server(driver: &dyn ContainerDriver, session: &SessionId, image: &str) -> Result<()> {
    // A mock simulates programs, but nothing is sent over its ports.
    let real = driver
        .capabilities()
        .supports(driver_interface::Property::RealProcesses);
    let server = if real {
        "busybox httpd -f -p 8080 -h /tmp/www"
    } else {
        "sleep 60"
    };
    let script = format!("mkdir /tmp/www; echo hello > /tmp/www/index.html; echo serving; exec {server}");

    let config = ContainerConfig::new(session.as_str(), image)
        .command(["sh", "-c", &script])
        // At a free port that the engine picks, and reached from this machine only.
        .port(PortMapping::new(PORT));
    let id = driver.create_container(&config).await?.id;
    driver.start_container(&id).await?;

    let ready = if real {
        WaitFor::http(PORT, "/")
    } else {
        WaitFor::log("serving")
    };
    let container = driver.wait_for(&id, &ready, DEADLINE).await?;
    let address = container.endpoint(PORT).context("the port is not published")?;
    println!("{} serves at http://{address}/", container.name);
    ensure!(address.ip().is_loopback(), "{address} is reached from elsewhere");

    if real {
        let answer = tokio::time::timeout(DEADLINE, get(address)).await??;
        println!("{answer}");
        ensure!(
            answer.contains("200 OK") && answer.ends_with("hello\n"),
            "unexpected answer"
        );
    }
    Ok(())
}

async fn get(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
