//! Accounts: sign-up, sign-in and what follows from them. No answer tells whether an address is known.

use super::auth::{Address, Bearer};
use super::input::{Body, OptionalBody, Secret};
use super::me::Profile;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::request::Parts;
use parlor_domain::ports::{SignUp, SignedIn};
use parlor_domain::{ErrorCode, Refusal};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The largest body, in bytes: it holds an address and a password.
pub(super) const MAX_BODY: usize = 8 * 1024;

type Shared = axum::extract::State<Arc<State>>;
/// What must not stay in a cache.
type Uncached<T> = ([(HeaderName, &'static str); 1], Json<T>);

fn uncached<T>(body: T) -> Uncached<T> {
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

/// This server has accounts of its own. Refusal: 404 `NOT_FOUND`.
pub(super) struct Here;

impl FromRequestParts<Arc<State>> for Here {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        if state.hub.has_accounts() { Ok(Self) } else { Err(Refusal::of(ErrorCode::NotFound).into()) }
    }
}

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewAccount {
    #[schema(value_type = String, format = "email")]
    email: Secret,
    #[schema(value_type = String, format = "password")]
    password: Secret,
    /// What others see; the part of the address before `@` unless given.
    username: Option<String>,
}

/// An address with its password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    #[schema(value_type = String, format = "email")]
    email: Secret,
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// An address with a code that came by mail.
#[derive(Deserialize, ToSchema)]
pub(super) struct Code {
    #[schema(value_type = String, format = "email")]
    email: Secret,
    /// Six digits.
    #[schema(value_type = String)]
    code: Secret,
}

/// What gets the next access token.
#[derive(Deserialize, ToSchema)]
pub(super) struct RefreshToken {
    #[schema(value_type = String)]
    refresh_token: Secret,
}

/// What else ends with a sign-in.
#[derive(Default, Deserialize, ToSchema)]
pub(super) struct SignOut {
    /// A refresh token of the caller's: its sign-in ends too, where it is another one.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
}

/// A code is on its way by mail.
#[derive(Serialize, ToSchema)]
pub(super) struct CodeSent {
    /// True.
    verification_required: bool,
}

const CODE_SENT: CodeSent = CodeSent { verification_required: true };

/// The tokens of somebody who has proved who they are.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// Opens HTTP routes and sockets.
    access_token: String,
    /// Gets the next tokens, once.
    refresh_token: String,
    /// `bearer`.
    token_type: &'static str,
    /// For how many seconds the access token is good.
    #[schema(example = 3600)]
    expires_in: u64,
    user: Profile,
}

impl From<SignedIn> for Tokens {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            user: signed_in.user.into(),
            access_token: signed_in.access_token,
            refresh_token: signed_in.refresh_token,
            token_type: "bearer",
            expires_in: signed_in.expires_in.as_secs(),
        }
    }
}

/// Wants an account; a code comes by mail.
///
/// The answer is the same where the address has an account already.
#[utoipa::path(
    post,
    path = "/auth/signup",
    tag = "accounts",
    operation_id = "sign_up",
    request_body = NewAccount,
    responses((status = CREATED, description = "A code is on its way", body = CodeSent))
)]
pub(super) async fn sign_up(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<CodeSent>), Problem> {
    let NewAccount { email, password, username } = new;
    let who = SignUp { email: email.into(), password: password.into(), username };
    state.hub.sign_up(who, from).await?;
    Ok((StatusCode::CREATED, Json(CODE_SENT)))
}

/// Brings the code of a sign-up: the account is made, and its owner is signed in.
#[utoipa::path(
    post,
    path = "/auth/verify-email",
    tag = "accounts",
    operation_id = "verify_email",
    request_body = Code,
    responses((status = OK, description = "The tokens", body = Tokens))
)]
pub(super) async fn verify_email(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
    Body(Code { email, code }): Body<Code>,
) -> Result<Uncached<Tokens>, Problem> {
    let signed_in = state.hub.verify_email(email.as_str(), code.as_str(), from).await?;
    Ok(uncached(signed_in.into()))
}

/// Brings a password; a code comes by mail.
#[utoipa::path(
    post,
    path = "/auth/signin",
    tag = "accounts",
    operation_id = "sign_in",
    request_body = Credentials,
    responses((status = OK, description = "A code is on its way", body = CodeSent))
)]
pub(super) async fn sign_in(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
    Body(Credentials { email, password }): Body<Credentials>,
) -> Result<Json<CodeSent>, Problem> {
    state.hub.sign_in(email.as_str(), password.as_str(), from).await?;
    Ok(Json(CODE_SENT))
}

/// Brings the code of a sign-in.
#[utoipa::path(
    post,
    path = "/auth/verify-signin",
    tag = "accounts",
    operation_id = "verify_sign_in",
    request_body = Code,
    responses((status = OK, description = "The tokens", body = Tokens))
)]
pub(super) async fn verify_sign_in(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
    Body(Code { email, code }): Body<Code>,
) -> Result<Uncached<Tokens>, Problem> {
    let signed_in = state.hub.verify_sign_in(email.as_str(), code.as_str(), from).await?;
    Ok(uncached(signed_in.into()))
}

/// Exchanges a refresh token for the next tokens.
///
/// A refresh token is good once: one that comes again ends its whole sign-in.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "accounts",
    operation_id = "refresh",
    request_body = RefreshToken,
    responses((status = OK, description = "The tokens", body = Tokens))
)]
pub(super) async fn refresh(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
    Body(RefreshToken { refresh_token }): Body<RefreshToken>,
) -> Result<Uncached<Tokens>, Problem> {
    let signed_in = state.hub.refresh(refresh_token.as_str(), from).await?;
    Ok(uncached(signed_in.into()))
}

/// Lets somebody try the server without an account: makes a user for them, and signs them in.
///
/// Where the server takes no guests, `FORBIDDEN`; `/api/v1/config` says whether it does.
#[utoipa::path(
    post,
    path = "/auth/guest",
    tag = "accounts",
    operation_id = "guest",
    responses(
        (status = CREATED, description = "The tokens of a new user", body = Tokens),
        (status = FORBIDDEN, response = super::problem::Refused),
    )
)]
pub(super) async fn guest(
    axum::extract::State(state): Shared,
    _: Here,
    Address(from): Address,
) -> Result<(StatusCode, Uncached<Tokens>), Problem> {
    let signed_in = state.hub.guest(from).await?;
    Ok((StatusCode::CREATED, uncached(signed_in.into())))
}

/// Ends the caller's sign-in: its tokens are refused from here on, and its sockets close with 4001.
#[utoipa::path(
    post,
    path = "/auth/signout",
    tag = "accounts",
    operation_id = "sign_out",
    request_body(content = Option<SignOut>),
    responses((status = NO_CONTENT, description = "It has ended")),
    security(("token" = []))
)]
pub(super) async fn sign_out(
    axum::extract::State(state): Shared,
    Bearer(caller): Bearer,
    _: Here,
    OptionalBody(SignOut { refresh_token }): OptionalBody<SignOut>,
) -> Result<StatusCode, Problem> {
    state.hub.sign_out(&caller, refresh_token.as_ref().map(Secret::as_str)).await?;
    Ok(StatusCode::NO_CONTENT)
}
