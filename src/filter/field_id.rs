//! Which field of the filter language is meant. What there is to be known of it is in the table of [`super::field`].

/// A field, apart from its name and description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldId {
    /// When it happened.
    Time,
    /// When the frame reached us.
    Received,
    /// The event's number.
    Id,
    /// Which eCapture.
    Source,
    /// The process name.
    Pname,
    /// The process id.
    Pid,
    /// The thread id.
    Tid,
    /// The user id.
    Uid,
    /// The file that the process runs.
    Exe,
    /// The parent's process id.
    Ppid,
    /// The container.
    Container,
    /// The descriptor.
    Fd,
    /// An address at either end.
    Ip,
    /// A port at either end.
    Port,
    /// An end of the connection.
    Addr,
    /// The end that opened the connection.
    Src,
    /// Its address.
    SrcIp,
    /// Its port.
    SrcPort,
    /// The end that accepted the connection.
    Dst,
    /// Its address.
    DstIp,
    /// Its port.
    DstPort,
    /// The process's own end.
    Local,
    /// Its address.
    LocalIp,
    /// Its port.
    LocalPort,
    /// The end that the process talks to.
    Remote,
    /// Its address.
    RemoteIp,
    /// Its port.
    RemotePort,
    /// The connection's number.
    Conn,
    /// Whether the process read or wrote.
    Direction,
    /// Whether the process opened the connection or accepted it.
    Role,
    /// Kind, content or eCapture's number.
    Type,
    /// The kind of event.
    Kind,
    /// What the payload starts with.
    Content,
    /// eCapture's own type number.
    TypeRaw,
    /// The probe.
    Probe,
    /// The payload's size.
    Len,
    /// The request method.
    Method,
    /// The request's host.
    Host,
    /// The request target.
    Path,
    /// What follows the first `?` of the target.
    Query,
    /// Host and target together.
    Url,
    /// The response's status.
    Status,
    /// The content type.
    Ctype,
    /// The HTTP version.
    Version,
    /// Whether it is HTTP/1.
    Http1,
    /// Whether it is HTTP/2.
    Http2,
    /// A header field, of a request or a response.
    Header,
    /// A header field of a request.
    ReqHeader,
    /// A header field of a response.
    RespHeader,
    /// A cookie that is sent or set.
    Cookie,
    /// The decoded body.
    Body,
    /// The decoded body of a request.
    ReqBody,
    /// The decoded body of a response.
    RespBody,
    /// The payload as stored.
    Payload,
    /// Payload and decoded body.
    Any,
    /// Whether the payload is text.
    Text,
    /// SHA-256 of the decoded body, or of the payload where there is no HTTP message.
    Sha256,
    /// What happened to the bytes on the way.
    Provenance,
    /// Whether the payload may have been cut.
    Truncated,
    /// Whether the payload is known not to be exactly what was on the wire.
    Lossy,
    /// How long an exchange took.
    Elapsed,
    /// The HTTP/2 stream of an exchange.
    Stream,
    /// The size of a request's body.
    ReqLen,
    /// The size of a response's body.
    RespLen,
    /// How the halves of an exchange ended.
    Ending,
    /// What is wrong with an exchange.
    Defect,
}
