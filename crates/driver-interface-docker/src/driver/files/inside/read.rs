//! Reading files and directories on tmpfs mounts.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use driver_interface_errors::{FileSystemErrorKind as Kind, InternalError, Result};
use driver_interface_types::ByteStream;
use futures_util::stream;

use super::{Input, Inside, ROOT, Script};
use crate::driver::files::location::{FileRequest, unread};
use crate::driver::inner::Inner;

const READ: &str = r#"
follow
look "$target"
if [ -d "$target" ]; then say directory; fi
if [ ! -f "$target" ]; then say nofile; fi
{ :; } < "$target" || say denied
needs cat
echo "$mark fine"
cat < "$target" && printf %s "$mark"
"#;

/// A script that archives a file or directory. The entry names begin with the last component of the resolved path.
/// The script reports that component in its status.
const PACK: &str = r#"
follow
look "$target"
needs tar
if [ -d "$target" ]; then (cd "$target") || say denied; else { :; } < "$target" || say denied; fi
name=${target##*/}
echo "$mark fine $name"
tar -c -f - -C "${target%/*}/" -- "$name" && printf %s "$mark"
"#;

impl Inner {
    /// Returns the content of the file at a path.
    pub(in crate::driver) async fn read_inside(
        self: &Arc<Self>,
        request: FileRequest<'_>,
        path: &str,
    ) -> Result<ByteStream> {
        let (inside, _) = self.run_inside(READ, request, path).await?;
        Ok(self.content_of(inside))
    }

    /// Reads a whole file into memory. Returns an error if the file has more than `limit` bytes.
    pub(in crate::driver) async fn read_all_inside(
        self: &Arc<Self>,
        request: FileRequest<'_>,
        path: &str,
        limit: usize,
    ) -> Result<Bytes> {
        let mut content = self.read_inside(request, path).await?;
        let mut all = BytesMut::new();
        while let Some(data) = content.next().await.transpose()? {
            if all.len() + data.len() > limit {
                let text = format!("it exceeds the limit of {limit} bytes");
                return Err(unread(request.path, Kind::FileTooLarge, text).into());
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    /// Returns an archive of the file or directory at a path, and the first component of its entry names.
    pub(in crate::driver) async fn pack_inside(
        self: &Arc<Self>,
        request: FileRequest<'_>,
        path: &str,
    ) -> Result<(ByteStream, String)> {
        let (inside, name) = self.run_inside(PACK, request, path).await?;
        Ok((self.content_of(inside), name))
    }

    /// Starts a script as the container's user or, if that user has no access, as root. The driver tries root second,
    /// because root may lack the capability to read other users' files. Returns the running script, and the text that
    /// follows the word `fine` in the script's status line.
    async fn run_inside(
        self: &Arc<Self>,
        text: &'static str,
        request: FileRequest<'_>,
        path: &str,
    ) -> Result<(Inside, String)> {
        let own = request.record.config.user.clone();
        let mut users: Vec<String> = Some(own).into_iter().filter(|user| !user.is_empty()).collect();
        users.push(ROOT.to_owned());
        let mut denied = None;
        let last = users.len() - 1;
        for (at, user) in users.iter().enumerate() {
            let script = Script {
                request,
                user,
                text,
                args: &[path],
            };
            let (mut inside, _) = Inside::open(self, &script, Input::None).await?;
            let word = inside.word().await?;
            if let Some(rest) = word.strip_prefix("fine") {
                let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
                return Ok((inside, rest));
            }
            inside.tree.disarm();
            let refused = inside.refused(&word);
            match word.as_str() {
                // The user may be unable to read another user's directory.
                "nothing" if at < last => {}
                "nothing" => return Err(denied.unwrap_or(refused)),
                "denied" if at < last => denied = Some(refused),
                _ => return Err(refused),
            }
        }
        Err(InternalError::new("no user to read a file as").into())
    }

    fn content_of(&self, inside: Inside) -> ByteStream {
        let longest = self.deadlines.read;
        ByteStream::new(stream::try_unfold(inside, move |mut inside| async move {
            let data = inside.content(longest).await?;
            Ok(data.map(|data| (data, inside)))
        }))
    }
}
