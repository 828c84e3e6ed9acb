//! Jobs: taken in at once, done in the background. Another user's job is not there.

use crate::dialect::jobs;
use crate::http::auth::Bearer;
use crate::http::input::{Body, Named, Params};
use crate::http::problem::{Problem, Refused};
use crate::http::sessions::page::{self, Asked, PageParams};
use crate::server::State;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parlor_domain::ports::{CompletionWork, EmbeddingsWork, JobState, JobWork};
use parlor_domain::{ErrorCode, JobDraft, JobId, Refusal};
use parlor_protocol::ai as wire;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// The header that names a request, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Takes a job in: it is kept when this is answered, and is done once, whatever happens to the server. It counts as a chat
/// or as an embedding against the limit of its user.
#[utoipa::path(
    post,
    path = "/api/v1/ai/jobs",
    tag = "ai",
    operation_id = "ai_create_job",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same as `clientJobId`, 1 to 128 bytes")),
    request_body = wire::JobRequest,
    responses(
        (status = ACCEPTED, description = "It will be done; `Location` says where it is", body = wire::JobAccepted),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
        (status = CONFLICT, response = Refused),
        (status = TOO_MANY_REQUESTS, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn create(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    headers: HeaderMap,
    Body(request): Body<wire::JobRequest>,
) -> Result<Response, Problem> {
    let client_id = client_id(&headers, request.client_job_id)?;
    let draft = JobDraft { work: work(request.work), client_id };
    let enqueued = state.hub.job_enqueue(&caller, draft).await?;
    let job_id = enqueued.job.id;
    let accepted = wire::JobAccepted { job_id, status: "queued".into() };
    let location = [(header::LOCATION, format!("/api/v1/ai/jobs/{job_id}"))];
    Ok((StatusCode::ACCEPTED, location, Json(accepted)).into_response())
}

/// The client's own name for a job, in the header or in the body.
fn client_id(headers: &HeaderMap, in_body: Option<String>) -> Result<Option<String>, Refusal> {
    let refused = |words: &'static str| Refusal::new(ErrorCode::InvalidRequest, words);
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(in_body) };
    let key = key.to_str().map_err(|_| refused("Idempotency-Key holds a character that is not allowed"))?;
    match in_body {
        Some(name) if name != key => Err(refused("Idempotency-Key and clientJobId differ")),
        _ => Ok(Some(key.to_owned())),
    }
}

fn work(work: wire::JobWork) -> JobWork {
    let named = |model: Option<String>| model.filter(|model| !model.is_empty());
    match work {
        wire::JobWork::GenerateCompletion { message, conversation_id, model, max_tokens, temperature } => {
            let (conversation, model) = (conversation_id, named(model));
            JobWork::Completion(CompletionWork { message, conversation, model, max_tokens, temperature })
        }
        wire::JobWork::GenerateEmbeddings { text, model } => {
            JobWork::Embeddings(EmbeddingsWork { text, model: named(model) })
        }
    }
}

/// One job of the caller's, with what came of it.
#[utoipa::path(
    get,
    path = "/api/v1/ai/jobs/{job_id}",
    tag = "ai",
    operation_id = "ai_get_job",
    params(("job_id" = JobId, Path, description = "The job")),
    responses(
        (status = OK, description = "The job", body = wire::Job),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<JobId>,
) -> Result<Json<wire::Job>, Problem> {
    Ok(Json(jobs::found(&state.hub.job_get(&caller, id).await?)))
}

/// Cancels a job that has not ended. One that runs is stopped, what it did stays; one that has ended stays as it is. The
/// answer says how the job is then.
#[utoipa::path(
    delete,
    path = "/api/v1/ai/jobs/{job_id}",
    tag = "ai",
    operation_id = "ai_cancel_job",
    params(("job_id" = JobId, Path, description = "The job")),
    responses(
        (status = OK, description = "The job as it is now", body = wire::Job),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn cancel(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<JobId>,
) -> Result<Json<wire::Job>, Problem> {
    Ok(Json(jobs::listed(&state.hub.job_cancel(&caller, id).await?)))
}

/// Which jobs are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParams {
    /// Which page, from 1; the first unless given.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// How many a page has at most; 20 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those in this state: `waiting`, `active`, `completed`, `failed` or `cancelled`.
    state: Option<String>,
}

/// Lists the caller's jobs. Their results are read one by one.
#[utoipa::path(
    get,
    path = "/api/v1/ai/jobs",
    tag = "ai",
    operation_id = "ai_list_jobs",
    params(ListParams),
    responses((status = OK, description = "A page of them", body = wire::Jobs)),
    security(("token" = []))
)]
pub(in crate::http) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<ListParams>,
) -> Result<Json<wire::Jobs>, Problem> {
    let asked = page::asked(params.page, params.limit)?;
    let unknown = || Refusal::new(ErrorCode::InvalidRequest, "no job is in such a state");
    let wanted = params.state.map(|word| JobState::find(&word).ok_or_else(unknown)).transpose()?;
    let found = state.hub.job_list(&caller, wanted, asked.page()).await?;
    let data = found.items.iter().map(jobs::listed).collect();
    Ok(Json(wire::Jobs { data, meta: meta(asked, found.total) }))
}

/// How the jobs of all users are, with a page of those that failed. An admin may have it, and the audit log says who had.
#[utoipa::path(
    get,
    path = "/api/v1/admin/jobs",
    tag = "operation",
    operation_id = "list_failed_jobs",
    params(PageParams),
    responses(
        (status = OK, description = "Counts, and a page of those that failed", body = wire::JobsOverview),
        (status = FORBIDDEN, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn overview(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<PageParams>,
) -> Result<Json<wire::JobsOverview>, Problem> {
    let asked = params.asked()?;
    let found = state.hub.jobs_overview(&caller, asked.page()).await?;
    let counts = wire::JobCounts {
        waiting: found.counts.waiting,
        active: found.counts.active,
        completed: found.counts.completed,
        failed: found.counts.failed,
        cancelled: found.counts.cancelled,
    };
    let failed = found.failed.items.iter();
    let data = failed.map(|job| wire::FailedJob { user_id: job.user, job: jobs::listed(job) }).collect();
    Ok(Json(wire::JobsOverview { counts, data, meta: meta(asked, found.failed.total) }))
}

fn meta(asked: Asked, total: u64) -> wire::PageMeta {
    let meta = asked.meta(total);
    wire::PageMeta { total, page: meta.page, limit: meta.limit, total_pages: meta.total_pages }
}
