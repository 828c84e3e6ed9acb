//! One socket's part of the document: its messages with the schemas of what they carry.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

impl Sender {
    const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One kind of frame.
struct Message {
    sender: Sender,
    /// The word in its `type`.
    kind: String,
    about: String,
    payload: Value,
}

/// A socket and everything that passes over it.
pub(super) struct Channel {
    name: &'static str,
    address: &'static str,
    about: &'static str,
    /// Parameters of the URL and what they are for.
    query: &'static [(&'static str, &'static str)],
    /// What may stand beside `data` in every frame, and what it is.
    beside: &'static [(&'static str, &'static str)],
    /// How a token may come; none where none is wanted.
    schemes: &'static [&'static str],
    messages: Vec<Message>,
    schemas: BTreeMap<String, Value>,
}

impl Channel {
    pub(super) fn new(name: &'static str, address: &'static str, about: &'static str) -> Self {
        let (messages, schemas) = (Vec::new(), BTreeMap::new());
        Self {
            name,
            address,
            about,
            query: &[],
            beside: &[],
            schemes: &["bearer", "query"],
            messages,
            schemas,
        }
    }

    /// Parameters of the URL beside `token`.
    pub(super) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// What may stand beside `data`.
    pub(super) fn beside(mut self, beside: &'static [(&'static str, &'static str)]) -> Self {
        self.beside = beside;
        self
    }

    /// No token is wanted: the first frame says who is there.
    pub(super) fn open(mut self) -> Self {
        self.schemes = &[];
        self
    }

    /// A token comes in one of these ways.
    pub(super) fn schemes(mut self, schemes: &'static [&'static str]) -> Self {
        self.schemes = schemes;
        self
    }

    /// A frame from the client whose `data` is a `T`.
    pub(super) fn client<T: ToSchema>(mut self, kind: &str, about: &str) -> Self {
        let data = self.reference::<T>();
        self.add(Sender::Client, kind, about, &json!({"data": data}))
    }

    /// A frame from the client that has the fields of a `T` beside its `type`.
    pub(super) fn flat_client<T: ToSchema>(mut self, kind: &str, about: &str) -> Self {
        self.collect::<T>();
        self.add_flat(Sender::Client, kind, about, &value(&T::schema()))
    }

    /// A frame from the client that has the fields of a `T` and no `type`; `kind` is its name here.
    pub(super) fn untyped_client<T: ToSchema>(self, kind: &str, about: &str) -> Self {
        self.untyped::<T>(Sender::Client, kind, about)
    }

    /// The same from the server.
    pub(super) fn untyped_server<T: ToSchema>(self, kind: &str, about: &str) -> Self {
        self.untyped::<T>(Sender::Server, kind, about)
    }

    fn untyped<T: ToSchema>(mut self, sender: Sender, kind: &str, about: &str) -> Self {
        self.collect::<T>();
        let mut channel = self.add_flat(sender, kind, about, &value(&T::schema()));
        if let Some(message) = channel.messages.last_mut() {
            if let Some(fields) = message.payload["properties"].as_object_mut() {
                fields.remove("type");
            }
            if let Some(required) = message.payload["required"].as_array_mut() {
                required.retain(|name| name != "type");
            }
        }
        channel
    }

    /// The frames from the server that are variants of `T`, an enum whose fields stand beside `type`.
    pub(super) fn flat_server<T: ToSchema>(mut self) -> Self {
        self.collect::<T>();
        let variants = value(&T::schema());
        for variant in variants["oneOf"].as_array().into_iter().flatten() {
            // What has no fields is only its type; else the fields come first, and then the type.
            let tag = variant["allOf"].get(1).unwrap_or(variant);
            let kind = tag["properties"]["type"]["enum"][0].as_str().unwrap_or_default();
            let about = variant["description"].as_str().unwrap_or_default();
            let name = variant["allOf"][0]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let fields = name.and_then(|name| self.schemas.get(name)).cloned().unwrap_or_default();
            self = self.add_flat(Sender::Server, kind, about, &fields);
        }
        self
    }

    /// A frame from the client with these fields in the place of `data`.
    pub(super) fn plain_client(self, kind: &str, about: &str, fields: &Value) -> Self {
        self.add(Sender::Client, kind, about, fields)
    }

    /// A frame from the server with one field in the place of `data`, a `T`.
    pub(super) fn plain_server<T: ToSchema>(mut self, kind: &str, about: &str, field: &str) -> Self {
        let reference = self.reference::<T>();
        self.add(Sender::Server, kind, about, &json!({field: reference}))
    }

    /// The frames from the server that are variants of `T`, an enum with `type` and `data`.
    pub(super) fn server<T: ToSchema>(mut self) -> Self {
        self.collect::<T>();
        let variants = value(&T::schema());
        for variant in variants["oneOf"].as_array().into_iter().flatten() {
            let kind = variant["properties"]["type"]["enum"][0].as_str().unwrap_or_default();
            let about = variant["description"].as_str().unwrap_or_default();
            let fields = json!({"data": variant["properties"]["data"]});
            self = self.add(Sender::Server, kind, about, &fields);
        }
        self
    }

    /// A frame with all of these fields.
    fn add(self, sender: Sender, kind: &str, about: &str, fields: &Value) -> Self {
        let required = fields.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        self.add_message(sender, kind, about, fields, required)
    }

    /// A frame with the fields of an object's schema.
    fn add_flat(self, sender: Sender, kind: &str, about: &str, schema: &Value) -> Self {
        let required =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.add_message(sender, kind, about, &schema["properties"], required)
    }

    fn add_message(
        mut self,
        sender: Sender,
        kind: &str,
        about: &str,
        fields: &Value,
        mut required: Vec<&str>,
    ) -> Self {
        let mut properties = Map::new();
        properties.insert("type".to_owned(), json!({"type": "string", "const": kind}));
        required.insert(0, "type");
        for (name, field) in fields.as_object().into_iter().flatten() {
            properties.insert(name.clone(), field.clone());
        }
        for (name, about) in self.beside {
            properties.insert((*name).to_owned(), json!({"type": "string", "description": about}));
        }
        let payload = json!({"type": "object", "required": required, "properties": properties});
        self.messages.push(Message { sender, kind: kind.to_owned(), about: about.to_owned(), payload });
        self
    }

    fn reference<T: ToSchema>(&mut self) -> Value {
        self.collect::<T>();
        self.schemas.insert(T::name().into_owned(), value(&T::schema()));
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// Takes in everything that a `T` refers to.
    fn collect<T: ToSchema>(&mut self) {
        let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut found);
        self.schemas.extend(found.into_iter().map(|(name, schema)| (name, value(&schema))));
    }

    /// The channel itself.
    pub(super) fn entry(&self) -> (String, Value) {
        let messages = self.messages.iter().map(|message| {
            let reference = format!("#/components/messages/{}", self.name_of(message));
            (self.name_of(message), json!({"$ref": reference}))
        });
        let query = self
            .query
            .iter()
            .map(|(name, about)| ((*name).to_owned(), json!({"type": "string", "description": about})));
        let channel = json!({
            "address": self.address,
            "description": self.about,
            "messages": messages.collect::<Map<_, _>>(),
            "bindings": {"ws": {
                "method": "GET",
                "query": {"type": "object", "properties": query.collect::<Map<_, _>>()},
                "bindingVersion": "0.1.0",
            }},
        });
        (self.name.to_owned(), channel)
    }

    /// What the server does with the channel: it receives what clients send, and sends.
    pub(super) fn operations(&self) -> [(String, Value); 2] {
        [self.operation("receive", Sender::Client), self.operation("send", Sender::Server)]
    }

    fn operation(&self, action: &str, sender: Sender) -> (String, Value) {
        let messages = self.messages.iter().filter(|message| message.sender == sender).map(
            |message| json!({"$ref": format!("#/channels/{}/messages/{}", self.name, self.name_of(message))}),
        );
        let mut operation = json!({
            "action": action,
            "channel": {"$ref": format!("#/channels/{}", self.name)},
            "messages": messages.collect::<Vec<_>>(),
        });
        if !self.schemes.is_empty() {
            let reference = |scheme: &&str| json!({"$ref": format!("#/components/securitySchemes/{scheme}")});
            operation["security"] = self.schemes.iter().map(reference).collect();
        }
        (format!("{}.{action}", self.name), operation)
    }

    /// Its messages under their names in the whole document.
    pub(super) fn messages(&self) -> impl Iterator<Item = (String, Value)> {
        self.messages.iter().map(|message| {
            let entry = json!({
                "name": message.kind,
                "summary": message.about,
                "payload": message.payload,
            });
            (self.name_of(message), entry)
        })
    }

    /// The schemas that its messages refer to. Those of two channels with one name are the same type.
    pub(super) fn schemas(&self) -> impl Iterator<Item = (String, Value)> {
        self.schemas.iter().map(|(name, schema)| (name.clone(), schema.clone()))
    }

    fn name_of(&self, message: &Message) -> String {
        // A name in the document has no colons.
        format!("{}.{}.{}", self.name, message.sender.word(), message.kind.replace(':', "."))
    }
}

/// A schema as JSON.
fn value(schema: &RefOr<Schema>) -> Value {
    // Only a map with keys that are no text, or a value that refuses, could fail: a schema has neither.
    serde_json::to_value(schema).unwrap_or_default()
}
