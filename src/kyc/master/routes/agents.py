"""`/agents`: for agents only. One enrols with its one-time token, then uses the secret it chose."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect, status
from fastapi.responses import FileResponse

from kyc.domain.errors import InvalidInputError, NotAllowedError, NotFoundError, UnreachableError
from kyc.domain.ids import InstanceId
from kyc.master.auth import Agent, Bearer, Served, agent_of, bearer
from kyc.wire.api import EnrolRequest

router = APIRouter(prefix="/agents/{instance_id}", tags=["agents"])
_MOST_BYTES = 4096  # of an enrolment: it is read before anybody has been authenticated


@router.post("/enrol", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
async def enrol_agent(instance_id: str, request: Request, served: Served) -> Response:
    """Exchange the one-time token of the user data for the secret that the agent will use."""
    wanted = await _read_enrolment(request)
    await served.intents.enrol(InstanceId(instance_id), wanted.token, wanted.secret)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/bundle/{tag}", response_class=FileResponse)
async def get_bundle(instance_id: str, tag: str, token: Bearer, served: Served) -> FileResponse:
    """Download the agent for a Python and a processor, with the one-time token of the user data."""
    await served.intents.expect(InstanceId(instance_id), token)
    return FileResponse((await served.bundles.get(tag)).path, media_type="application/gzip")


@router.get("/archive", response_class=FileResponse)
async def get_archive(agent: Agent, served: Served) -> FileResponse:
    """Download the workdir of the work that the instance was bought for."""
    job = await served.store.job(agent.workload) if agent.workload else None
    service = await served.store.service(agent.workload) if agent.workload and job is None else None
    spec = job.spec if job is not None else None if service is None else service.spec
    if spec is None or spec.workdir is None:
        raise NotFoundError(f"instance {agent.id} has no workdir to fetch")
    return FileResponse(served.archives.path(spec.workdir), media_type="application/zstd")


@router.websocket("/link")
async def link_agent(websocket: WebSocket, instance_id: str, served: Served) -> None:
    """Talk to the agent until its connection ends; one with a wrong secret is refused before it is accepted."""
    try:
        agent = await agent_of(instance_id, await bearer(websocket), served)
    except NotAllowedError as error:
        await websocket.close(status.WS_1008_POLICY_VIOLATION, reason=str(error))
        return
    await websocket.accept()

    async def receive() -> str:
        try:
            return await websocket.receive_text()
        except WebSocketDisconnect as error:
            raise UnreachableError(f"the agent of {instance_id} hung up (code {error.code})") from error

    async def send(text: str) -> None:
        try:
            await websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:  # RuntimeError: sent after the end
            raise UnreachableError(f"the agent of {instance_id} is gone") from error

    await served.links.serve(agent, receive, send)


async def _read_enrolment(request: Request) -> EnrolRequest:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > _MOST_BYTES:
            raise InvalidInputError("the enrolment is too long")
    try:
        return msgspec.json.decode(body, type=EnrolRequest)
    except msgspec.DecodeError as error:
        raise InvalidInputError(f"not an enrolment: {error}") from error
