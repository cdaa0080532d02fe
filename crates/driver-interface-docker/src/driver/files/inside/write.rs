//! Writing files and directories on tmpfs mounts.

use std::future::pending;
use std::sync::Arc;

use driver_interface_errors::{DriverError, Result};
use driver_interface_types::{ByteStream, FileOwner, WriteFile};
use tokio::io::{AsyncWriteExt, WriteHalf};

use super::{Input, Inside, ROOT, Script};
use crate::driver::files::content::wrong_length;
use crate::driver::files::location::FileRequest;
use crate::driver::inner::Inner;
use crate::wire::Duplex;

/// A script that writes a file. The script counts the bytes, because its input also ends early if the connection
/// breaks or the caller drops the call.
const WRITE: &str = r#"
mode=$3 length=$4 parents=$5
for tool in cat wc chmod mv rm mkdir; do needs $tool; done
follow
if [ -d "$target" ]; then say directory; fi
above=${target%/*}
if [ ! -d "$above/" ]; then
  reach "$target"
  above=${target%/*}
  if [ "$parents" != 1 ]; then say missing; fi
  mkdir -p "$above" || say failed
fi
part=$above/.$mark.part
if [ ! -w "$above/" ] || [ ! -x "$above/" ]; then { :; } > "$part" && rm -f "$part"; say denied; fi
cat > "$part" && size=$(wc -c < "$part") && [ $((size)) = "$length" ] &&
  chmod "$mode" "$part" && mv -f "$part" "$target" && say done
rm -f "$part"
say failed
"#;

const UNPACK: &str = r#"
follow
look "$target"
if [ ! -d "$target" ]; then say none; fi
if [ ! -w "$target" ] || [ ! -x "$target" ]; then { :; } > "$target/.$mark.part" && rm -f "$target/.$mark.part"; say denied; fi
needs tar
tar -x -p -f - --numeric-owner -C "$target" && say done
say failed
"#;

impl Inner {
    /// Writes a temporary file next to the target, and renames it once it is complete. The script runs as the user
    /// `owner`, because not even root can change a file's owner in a container without capabilities.
    pub(in crate::driver) async fn write_inside(
        self: &Arc<Self>,
        request: FileRequest<'_>,
        path: &str,
        owner: FileOwner,
        file: WriteFile,
    ) -> Result<()> {
        let length = file.content.length();
        let script = Script {
            request,
            user: &format!("{}:{}", owner.uid, owner.gid),
            text: WRITE,
            args: &[
                path,
                &format!("{:o}", file.mode),
                &length.to_string(),
                if file.create_parents { "1" } else { "0" },
            ],
        };
        let content = file.content.into_stream();
        self.feed_inside(&script, content, Some(length)).await
    }

    /// Unpacks an archive into the directory at a path.
    pub(in crate::driver) async fn unpack_inside(
        self: &Arc<Self>,
        request: FileRequest<'_>,
        path: &str,
        archive: ByteStream,
    ) -> Result<()> {
        let script = Script {
            request,
            user: ROOT,
            text: UNPACK,
            args: &[path],
        };
        self.feed_inside(&script, archive, None).await
    }

    async fn feed_inside(
        self: &Arc<Self>,
        script: &Script<'_>,
        content: ByteStream,
        length: Option<u64>,
    ) -> Result<()> {
        let (mut inside, write) = Inside::open(self, script, Input::Open).await?;
        // The script exits when its input ends, and must not be killed before it has cleaned up.
        inside.tree.disarm();
        let taken = inside.tree.takes_input();
        let fed = async {
            if !taken.await {
                return pending().await;
            }
            match feed(write, content, length, script.request.path).await {
                // The input must stay open until the script has exited.
                Ok(_write) => pending().await,
                Err(error) => error,
            }
        };
        let word = tokio::select! {
            word = inside.word() => word?,
            error = fed => return Err(error),
        };
        if word == "done" {
            return Ok(());
        }
        // Error output may arrive after the status.
        while inside.more().await? {}
        Err(inside.refused(&word))
    }
}

/// Sends the content to the script. Holds back each chunk until the next one is known, so that an error after the last
/// chunk cannot leave a file that looks complete.
async fn feed(
    mut write: WriteHalf<Duplex>,
    mut content: ByteStream,
    length: Option<u64>,
    path: &str,
) -> std::result::Result<WriteHalf<Duplex>, DriverError> {
    let mut last = None;
    let mut sent = 0;
    loop {
        let next = content.next().await.transpose()?;
        let exited = next.is_none();
        sent += next.as_ref().map_or(0, |data| data.len() as u64);
        if let Some(length) = length {
            if sent > length {
                return Err(wrong_length(path, length, "more"));
            }
            if exited && sent < length {
                return Err(wrong_length(path, length, "fewer"));
            }
        }
        if let Some(data) = std::mem::replace(&mut last, next)
            && write.write_all(&data).await.is_err()
        {
            // The script has exited and reports why.
            return Ok(write);
        }
        if exited {
            let _ = write.shutdown().await;
            return Ok(write);
        }
    }
}
