"""One replica at a time serves a link; another takes over, and passwords and links may change meanwhile."""

from cascade_rig import OURS, PASSWORD

from cambus.schemas.state.credentials import Credentials


def serving(rig, link):
    return [number for number, each in enumerate(rig.replicas) if link.id in each.held]


async def test_one_of_two_replicas_serves_a_link_and_the_other_takes_over(rig):
    upper = await rig.upper()
    await rig.replica("one")
    await rig.replica("two")
    link = await rig.linked(upper)
    assert len(serving(rig, link)) == 1
    first = serving(rig, link)[0]
    address = upper.platform.registrar.binding(OURS).peer
    await rig.replicas[first].release()
    await rig.until(lambda: serving(rig, link) == [1 - first])
    await upper.wait_for(
        lambda: upper.registered(OURS) and upper.platform.registrar.binding(OURS).peer != address
    )


async def test_a_replica_that_loses_its_lease_leaves_the_platform_to_the_other(rig):
    upper = await rig.upper()
    await rig.replica("one")
    link = await rig.linked(upper)
    await rig.replica("two")
    old = rig.replicas[0].held[link.id]
    said = []
    endpoint = old.context.agent.endpoint
    request = endpoint.request

    async def remember(message, peer, **options):
        said.append((message.method, message.headers.get("Expires")))
        return await request(message, peer, **options)

    endpoint.request = remember
    rig.replicas[0]._leases.held[f"cascade.{link.id}"].lost.set()  # as after an outage of NATS
    await rig.until(lambda: rig.replicas[0].held.get(link.id) is not old)
    await rig.until(lambda: serving(rig, link) and rig.held(link).registered)
    await upper.wait_for(lambda: upper.registered(OURS))
    assert ("REGISTER", "0") not in said  # it would have ended the registration of the other


async def test_a_password_that_is_corrected_registers_the_link(rig):
    upper = await rig.upper()
    rig.passwords.known["upper"] = Credentials(password="wrong")
    links = await rig.replica()
    link = await rig.link(upper, retry_s=3600.0)
    await rig.until(lambda: link.id in links.held and links.held[link.id].last_error)
    assert not upper.registered(OURS)
    rig.passwords.known["upper"] = Credentials(password=PASSWORD)
    links.credential_changed("another")
    links.credential_changed("upper")
    await upper.wait_for(lambda: upper.registered(OURS))


async def test_a_password_may_be_a_secret_of_its_own(rig):
    upper = await rig.upper()
    rig.passwords.known["upper"] = Credentials(token=PASSWORD)
    await rig.linked(upper)


async def test_a_link_that_is_changed_begins_anew(rig):
    upper = await rig.upper(accounts={OURS: PASSWORD, "34020000002000000009": PASSWORD})
    await rig.linked(upper)
    changed = await rig.linked(upper, code="34020000002000000009")
    await upper.wait_for(lambda: not upper.registered(OURS))
    assert rig.held(changed).context.link.code == "34020000002000000009"


async def test_a_link_that_is_disabled_is_left(rig):
    upper = await rig.upper()
    await rig.linked(upper)
    link = await rig.link(upper, enabled=False)
    await upper.wait_for(lambda: not upper.registered(OURS))
    await rig.until(lambda: serving(rig, link) == [])
