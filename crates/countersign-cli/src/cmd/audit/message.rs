//! A request as text, so that every part of it can be malformed.

use bytes::Bytes;
use http::Request;

#[derive(Clone)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn of(request: &Request<Bytes>, host: &str) -> Self {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let body = request.body().to_vec();
        let own =
            [("host", host.to_owned()), ("content-length", body.len().to_string()), ("connection", "close".to_owned())];
        // A header that was given stands in place of ours, as two lines of them would be refused.
        let own = own.into_iter().filter(|(name, _)| !request.headers().contains_key(*name));
        let own = own.map(|(name, value)| (name.to_owned(), value.into_bytes()));
        let headers = own.chain(headers);
        Self { method: request.method().to_string(), target, headers: headers.collect(), body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_slice())
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(is, _)| is != name);
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(super) fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    /// The same request with another body and its true length.
    pub(super) fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { body: body.clone(), ..self.set("content-length", body.len().to_string()) }
    }

    pub(super) fn head(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    /// The request as a server parses it; `None` if it is not one.
    pub(super) fn request(&self) -> Option<Request<Bytes>> {
        let request = Request::builder().method(self.method.as_str()).uri(&self.target);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, &value[..]));
        request.body(Bytes::from(self.body.clone())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_was_given_replaces_ours() {
        let request = Request::post("/").header("host", "hooks.example.com").header("connection", "keep-alive");
        let message = Message::of(&request.body(Bytes::from_static(b"{}")).unwrap(), "localhost:3000");
        let head = "POST / HTTP/1.1\r\ncontent-length: 2\r\nhost: hooks.example.com\r\nconnection: keep-alive\r\n\r\n";
        assert_eq!(String::from_utf8(message.head()).unwrap(), head);
    }
}
