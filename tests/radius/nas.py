"""A router that accounts by RADIUS in a few lines, and a network that loses, doubles, delays and reorders packets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from portal.access.store import Device
from portal.clock import SECOND, Moment
from portal.radius.metering.merge import most
from portal.radius.metering.report import Report
from portal.radius.names import Named
from portal.radius.terms import Terms
from portal.sessions.meter import NO_USE, Use

BOOT_S = 90
NO_TERMS = Terms(until=0, bytes=None, up=None, down=None)


@dataclass
class Stay:
    """One session, as it really was, and what its reports that arrived said at most."""

    acct_id: str
    device: Device
    pass_id: int
    begun: Moment
    use: Use = NO_USE
    arrived: Use = NO_USE
    heard: bool = False  # one of its packets arrived
    stopped: bool = False  # its Stop arrived


@dataclass
class Packet:
    stay: Stay
    report: Report
    sent_at: Moment


@dataclass
class Nas:
    """Sessions by device; names of sessions begin anew with each boot."""

    now: Moment
    running: dict[int, Stay] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    air: list[Packet] = field(default_factory=list)
    count: int = 0

    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    def login(self, device: Device, pass_id: int) -> None:
        if device.id in self.running:
            return
        self.now += 1  # nobody is let in twice at one moment
        self.count += 1
        stay = Stay(acct_id=f"80{self.count:06x}", device=device, pass_id=pass_id, begun=self.now)
        self.running[device.id] = stay
        self.stays.append(stay)
        self.send(stay, "start")

    def use(self, device_id: int, up: int, down: int) -> None:
        if device_id in self.running:
            stay = self.running[device_id]
            stay.use = replace(stay.use, bytes_up=stay.use.bytes_up + up, bytes_down=stay.use.bytes_down + down)

    def interim(self, device_id: int) -> None:
        if device_id in self.running:
            self.send(self.running[device_id], "interim")

    def logout(self, device_id: int, cause: str = "User-Request") -> None:
        if device_id in self.running:
            self.send(self.running.pop(device_id), "stop", cause)
            self.now += 1

    def reboot(self) -> None:
        """Sessions end, and nobody says so; the names of sessions begin anew."""
        self.running.clear()
        self.count = 0
        self.wait(BOOT_S)

    def send(self, stay: Stay, kind: str, cause: str = "") -> None:
        stay.use = replace(stay.use, ms=(self.now - stay.begun) // SECOND * SECOND)
        report = Report(
            kind=kind,  # type: ignore[arg-type]
            acct_id=stay.acct_id,
            mac=stay.device.mac,
            name=stay.device.mac,
            address="10.5.50.9",
            total=stay.use if kind != "start" else NO_USE,
            delay_s=0,
            cause=cause,
        )
        self.air.append(Packet(stay, report, self.now))

    def arrive(self, number: int, *, again: bool, slow_s: int) -> tuple[Report, Named] | None:
        """One of the packets on their way arrives; `again`: it will once more. It does not know of `slow_s`."""
        if not self.air:
            return None
        packet = self.air[number % len(self.air)]
        if not again:
            self.air.remove(packet)
        stay = packet.stay
        stay.heard = True
        stay.stopped = stay.stopped or packet.report.kind == "stop"
        stay.arrived = most(stay.arrived, packet.report.total)
        delay_s = max(0, (self.now - packet.sent_at) // SECOND - slow_s)
        named = Named(stay.device.id, stay.pass_id, stay.begun, NO_TERMS)
        return replace(packet.report, delay_s=delay_s), named

    def lose(self, number: int) -> None:
        if self.air:
            del self.air[number % len(self.air)]

    @property
    def arrived(self) -> Use:
        """All that the reports that arrived tell, each session once."""
        return sum((stay.arrived for stay in self.stays), start=NO_USE)
