//! Engines behind TLS and SSH on the loopback interface.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_interface_docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface_errors::{DriverError, codes};
use driver_interface_types::{
    Bytes, ContainerConfig, ContainerDriver, ExecConfig, LogOptions, LogStreamOptions, Namespace,
    RemoveOptions, WaitOptions,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::engine::{Bench, absent, on_docker, on_each};

/// An authority that signs certificates.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns a certificate for the loopback interface and its key.
    fn sign(&self, expired: bool) -> (String, String) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        if expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    /// Writes a directory as `DOCKER_CERT_PATH` names it.
    fn directory(&self, client: Option<(String, String)>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write("ca.pem", &self.certificate);
        if let Some((certificate, key)) = client {
            write("cert.pem", &certificate);
            write("key.pem", &key);
        }
        directory
    }
}

/// What a listener has seen of each connection: its first byte, and whether a request got through to the engine.
type Seen = Arc<Mutex<Vec<(u8, bool)>>>;

/// Serves an engine's socket over TLS to clients whose certificate `authority` signed. Returns the port.
async fn serve_tls(socket: &str, authority: &Authority, server: (String, String)) -> (u16, Seen) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut trusted = rustls::RootCertStore::empty();
    trusted
        .add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap())
        .unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server.0.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(server.1.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let (log, socket) = (seen.clone(), socket.to_owned());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, log, socket) = (acceptor.clone(), log.clone(), socket.clone());
            tokio::spawn(async move {
                let mut first = [0];
                let _ = stream.peek(&mut first).await;
                let connection = {
                    let mut log = log.lock().unwrap();
                    log.push((first[0], false));
                    log.len() - 1
                };
                let Ok(mut client) = acceptor.accept(stream).await else {
                    return;
                };
                let mut data = [0; 1024];
                let Ok(read @ 1..) = client.read(&mut data).await else {
                    return;
                };
                log.lock().unwrap()[connection].1 = true;
                let mut engine = UnixStream::connect(&socket).await.unwrap();
                engine.write_all(&data[..read]).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
            });
        }
    });
    (port, seen)
}

fn config(bench: &Bench, uri: &str) -> DockerConfig {
    DockerConfig::for_uri(uri)
        .unwrap()
        .namespace(Namespace::new(bench.namespace.as_str()).unwrap())
        .keep_default_network(Duration::ZERO)
}

async fn refused(config: DockerConfig) -> DriverError {
    DockerDriver::connect(config).await.unwrap_err()
}

/// Runs what uses a connection in different ways: short calls, streams in both directions, and ends of streams.
async fn works(bench: &Bench, driver: &DockerDriver) {
    assert!(driver.health_check().await.unwrap().is_healthy());
    let config = ContainerConfig::new("s1", bench.image)
        .command([
            "sh",
            "-c",
            "seq 1 5000; until [ -e /dev/shm/go ]; do sleep 0.1; done; echo end; exit 3",
        ])
        .memory(64);
    let made = driver.create_container(&config).await.unwrap();
    driver.start_container(&made.id).await.unwrap();
    let count = ExecConfig::new(["wc", "-c"]).stdin(Bytes::from(vec![b'x'; 1 << 20]));
    let output = driver.exec(&made.id, count).await.unwrap();
    assert!(output.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1048576"));
    let mut logs = driver
        .stream_container_logs(&made.id, LogStreamOptions::default().follow(true))
        .await
        .unwrap();
    let go = driver
        .exec(&made.id, ExecConfig::new(["sh", "-c", ": > /dev/shm/go"]))
        .await;
    assert!(go.unwrap().success());
    let mut lines = 0;
    while let Some(entry) = logs.next().await {
        lines += entry.unwrap().bytes.iter().filter(|byte| **byte == b'\n').count();
    }
    assert_eq!(lines, 5001);
    let exit = driver
        .wait_container(&made.id, WaitOptions::default())
        .await
        .unwrap();
    assert_eq!(exit.code, 3);
    let text = driver
        .get_container_logs(&made.id, LogOptions::default())
        .await
        .unwrap();
    assert_eq!(text.lines().count(), 5001);
    driver
        .remove_container(&made.id, RemoveOptions::force())
        .await
        .unwrap();
}

#[test]
fn tls_with_client_certificates_works() {
    on_each("tls_with_client_certificates_works", |bench| async move {
        let authority = Authority::new();
        let address = bench.driver.address();
        let socket = address.strip_prefix("unix://").unwrap();
        let (port, seen) = serve_tls(socket, &authority, authority.sign(false)).await;
        let directory = authority.directory(Some(authority.sign(false)));
        for host in ["127.0.0.1", "localhost"] {
            let config = config(&bench, &format!("https://{host}:{port}")).tls_directory(directory.path());
            let driver = DockerDriver::connect(config).await.unwrap();
            assert_eq!(driver.address(), format!("https://{host}:{port}"));
            works(&bench, &driver).await;
        }
        // 22 is a TLS handshake.
        assert!(seen.lock().unwrap().iter().all(|(first, _)| *first == 22));
    });
}

#[test]
fn tls_failures_are_clear_and_nothing_is_sent() {
    on_docker("tls_failures_are_clear_and_nothing_is_sent", |bench| async move {
        let (authority, other) = (Authority::new(), Authority::new());
        let address = bench.driver.address();
        let socket = address.strip_prefix("unix://").unwrap();
        let client = || Some(authority.sign(false));
        for (what, server, directory, expected) in [
            (
                "wrong authority",
                authority.sign(false),
                other.directory(client()),
                "invalid peer certificate",
            ),
            (
                "expired engine",
                authority.sign(true),
                authority.directory(client()),
                "expired",
            ),
            (
                "no client certificate",
                authority.sign(false),
                authority.directory(None),
                "refused the client's",
            ),
            (
                "client of another authority",
                authority.sign(false),
                authority.directory(Some(other.sign(false))),
                "refused the client's",
            ),
            (
                "expired client",
                authority.sign(false),
                authority.directory(Some(authority.sign(true))),
                "refused the client's",
            ),
        ] {
            let (port, seen) = serve_tls(socket, &authority, server).await;
            let config = config(&bench, &format!("tcp://127.0.0.1:{port}")).tls_directory(directory.path());
            let error = refused(config).await;
            assert!(error.message().contains(expected), "{what}: {error}");
            assert!(error.message().contains("DOCKER_CERT_PATH"), "{what}: {error}");
            assert!(!error.is_retryable(), "{what}: {error}");
            let seen = seen.lock().unwrap();
            assert!(
                !seen.is_empty() && seen.iter().all(|connection| *connection == (22, false)),
                "{what}: {seen:?}"
            );
        }
        let missing = tempfile::tempdir().unwrap();
        let error = refused(config(&bench, "tcp://127.0.0.1:9").tls_directory(missing.path())).await;
        assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
        assert!(error.message().contains("ca.pem"), "{error}");
    });
}

#[test]
fn plain_port_behind_https_is_explained() {
    on_docker("plain_port_behind_https_is_explained", |bench| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut data = [0; 4096];
                let read = stream.read(&mut data).await.unwrap_or(0);
                log.lock().unwrap().push(data[..read].to_vec());
                let _ = stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    .await;
            }
        });
        let directory = Authority::new().directory(None);
        let config = config(&bench, &format!("https://127.0.0.1:{port}")).tls_directory(directory.path());
        let error = refused(config).await;
        assert!(error.message().contains("does not speak TLS"), "{error}");
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty());
        for bytes in seen.iter() {
            let text = String::from_utf8_lossy(bytes);
            assert!(
                bytes[0] == 22 && !text.contains("HTTP") && !text.contains("version"),
                "{text}"
            );
        }
    });
}

/// An SSH server on the loopback interface that accepts one key, and the client's options for it.
struct Sshd {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    /// Starts the server. `command`: what it runs instead of the command that a client asks for.
    fn start(command: Option<&str>) -> Option<Self> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            return None;
        }
        // The server separates privileges in this directory, which its package creates only at boot.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        for key in ["host", "client", "stranger"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
                .status()
                .unwrap();
            assert!(made.success());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let force = command
            .map(|command| format!("ForceCommand {command}\n"))
            .unwrap_or_default();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin prohibit-password\n{force}",
            path("host"),
            path("client.pub"),
        );
        std::fs::write(directory.path().join("sshd_config"), config).unwrap();
        let public = std::fs::read_to_string(path("host.pub")).unwrap();
        std::fs::write(
            directory.path().join("known"),
            format!("[127.0.0.1]:{port} {public}"),
        )
        .unwrap();
        let process = Command::new(program)
            .args(["-D", "-f", &path("sshd_config"), "-E", &path("log")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            directory,
        };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!(
            "sshd does not listen: {}",
            std::fs::read_to_string(server.path("log")).unwrap()
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn options(&self, key: &str, known: &str) -> Vec<String> {
        [
            "-F".to_owned(),
            "/dev/null".to_owned(),
            "-i".to_owned(),
            self.path(key).display().to_string(),
            "-oIdentitiesOnly=yes".to_owned(),
            "-oIdentityAgent=none".to_owned(),
            "-oStrictHostKeyChecking=yes".to_owned(),
            format!("-oUserKnownHostsFile={}", self.path(known).display()),
        ]
        .into()
    }

    fn uri(&self, bench: &Bench) -> String {
        let socket = bench.driver.address();
        let scheme = bench.uri;
        let path = socket.strip_prefix("unix://").unwrap();
        format!("{scheme}ssh://root@127.0.0.1:{}{path}", self.port)
    }

    /// Returns the `ssh` processes of this server's clients that carry a request.
    fn clients(&self) -> usize {
        let mine = self.directory.path().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
            .filter(|command| command.starts_with("ssh\0") && command.contains(&mine))
            .count()
    }
}

#[test]
fn ssh_works_and_leaves_no_process() {
    on_each("ssh_works_and_leaves_no_process", |bench| async move {
        let Some(server) = Sshd::start(None) else {
            return absent(
                "ssh_works_and_leaves_no_process",
                "docker",
                "sshd is not installed",
            );
        };
        let config = config(&bench, &server.uri(&bench)).ssh_options(server.options("client", "known"));
        let driver = DockerDriver::connect(config).await.unwrap();
        works(&bench, &driver).await;

        let made = driver
            .create_container(&bench.config("while :; do echo x; sleep 0.1; done"))
            .await
            .unwrap();
        driver.start_container(&made.id).await.unwrap();
        let mut followers = Vec::new();
        // More than the sessions that one SSH connection may have.
        let count = if bench.is_podman() { 2 } else { 14 };
        for _ in 0..count {
            let mut logs = driver
                .stream_container_logs(&made.id, LogStreamOptions::default().follow(true))
                .await
                .unwrap();
            assert!(logs.next().await.unwrap().is_ok());
            followers.push(logs);
        }
        drop(followers);
        driver
            .remove_container(&made.id, RemoveOptions::force())
            .await
            .unwrap();
        drop(driver);
        for _ in 0..200 {
            if server.clients() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} ssh processes are left", server.clients());
    });
}

#[test]
fn ssh_failures_are_clear() {
    on_docker("ssh_failures_are_clear", |bench| async move {
        let (Some(server), Some(bare)) = (Sshd::start(None), Sshd::start(Some("docker-is-not-here"))) else {
            return absent("ssh_failures_are_clear", "docker", "sshd is not installed");
        };
        for (server, key, known, expected) in [
            (&server, "stranger", "known", "Permission denied"),
            (&server, "client", "none", "Host key verification failed"),
            (&bare, "client", "known", "docker-is-not-here"),
        ] {
            let config = config(&bench, &server.uri(&bench)).ssh_options(server.options(key, known));
            let error = refused(config).await;
            assert!(error.message().contains(expected), "{expected}: {error}");
        }
        let closed = config(&bench, "ssh://root@127.0.0.1:9").ssh_options(server.options("client", "known"));
        let error = refused(closed).await;
        assert!(error.message().contains("Connection refused"), "{error}");
    });
}

#[test]
fn server_may_force_the_command() {
    on_docker("server_may_force_the_command", |bench| async move {
        let Some(server) = Sshd::start(Some("docker system dial-stdio")) else {
            return absent("server_may_force_the_command", "docker", "sshd is not installed");
        };
        let config = config(&bench, &server.uri(&bench)).ssh_options(server.options("client", "known"));
        let driver = DockerDriver::connect(config).await.unwrap();
        assert!(driver.health_check().await.unwrap().is_healthy());
    });
}

#[test]
fn a_lost_ssh_connection_is_not_the_end_of_a_stream() {
    on_docker(
        "a_lost_ssh_connection_is_not_the_end_of_a_stream",
        |bench| async move {
            let Some(server) = Sshd::start(None) else {
                return absent(
                    "a_lost_ssh_connection_is_not_the_end_of_a_stream",
                    "docker",
                    "sshd is not installed",
                );
            };
            let config = config(&bench, &server.uri(&bench))
                .ssh_options(server.options("client", "known"))
                .deadlines(Deadlines::default().read(Duration::from_secs(20)));
            let driver = DockerDriver::connect(config).await.unwrap();
            let made = driver
                .create_container(&bench.config("echo ready; sleep 600"))
                .await
                .unwrap();
            driver.start_container(&made.id).await.unwrap();
            let mut session = driver
                .exec_stream(&made.id, ExecConfig::new(["sh", "-c", "echo on; sleep 600"]))
                .await
                .unwrap();
            let mut line = [0; 3];
            session.stdout.read_exact(&mut line).await.unwrap();
            // The server's processes for this connection end.
            let killed = Command::new("pkill")
                .args(["-KILL", "-P", &server.process.id().to_string()])
                .status()
                .unwrap();
            assert!(killed.success());
            let ended = tokio::time::timeout(Duration::from_secs(60), async {
                let read = session.stdout.read_to_end(&mut Vec::new()).await;
                (read, session.wait().await)
            });
            let (read, waited) = ended.await.unwrap();
            assert!(read.is_err() || waited.is_err(), "{read:?} {waited:?}");
            driver
                .remove_container(&made.id, RemoveOptions::force())
                .await
                .unwrap();
        },
    );
}
