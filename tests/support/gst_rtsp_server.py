"""GStreamer's RTSP server as a process, for tests: run by the system's own Python, which has its bindings.

Usage: FILE USER PASSWORD CODEC, USER empty for a server that lets everybody in. Prints the port it listens on. The file
holds pictures of that codec (h264, h265), and AAC.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - versions are chosen first

LAUNCH = (
    "( filesrc location={path} ! qtdemux name=d "
    "d.video_0 ! queue ! {codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval={interval} "
    "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )"
)


def main() -> None:
    path, user, password, codec = sys.argv[1:5]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for mount, interval in (("/with-sets", -1), ("/without-sets", 0)):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(LAUNCH.format(path=path, codec=codec, interval=interval))
        server.get_mount_points().add_factory(mount, factory)
        if user:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("watcher", "media.factory.access", True)
            permissions.add_permission_for_role("watcher", "media.factory.construct", True)
            factory.set_permissions(permissions)
    if user:
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "watcher")
        auth.add_digest(user, password, token)
        server.set_auth(auth)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
