"""A real RTSP server of GStreamer on loopback, for the tests; run by Debian's own Python.

    /usr/bin/python3 rtsp_server.py '{"port": 0, "mounts": {"/live": {"kind": "video"}}}'

A mount is `{"kind": "video", "width", "height", "fps", "pattern", "keyframes"}`, with `sizes` (a
list of [width, height], one after the other, each for `size_s`), or `{"kind": "sound"}`. `user` and
`password` of the whole make it ask for them. The first line printed is the port. It ends when its
standard input does.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

VIDEO = (
    'videotestsrc is-live=true pattern={pattern} ! capsfilter name=size caps="{caps}"'
    " ! x264enc tune=zerolatency sliced-threads=false threads=1 speed-preset=ultrafast"
    " bitrate={bitrate}"
    " key-int-max={keyframes} bframes=0 ! rtph264pay name=pay0 pt=96 config-interval=-1"
)
SOUND = "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8"


def caps(width, height, fps):
    return f"video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"


def launch(mount):
    """Return the pipeline of a mount."""
    if mount["kind"] == "sound":
        return f"( {SOUND} )"
    width, height = mount.get("sizes", [[mount.get("width", 320), mount.get("height", 240)]])[0]
    fps = mount.get("fps", 10)
    return (
        "( "
        + VIDEO.format(
            pattern=mount.get("pattern", "ball"),
            caps=caps(width, height, fps),
            bitrate=mount.get("bitrate", 500),
            keyframes=mount.get("keyframes", 10),
        )
        + " )"
    )


def change_sizes(media, mount):
    """Give the pictures of a stream other sizes, one after the other."""
    sizes, turn = mount["sizes"], [0]
    filter_ = media.get_element().get_by_name_recurse_up("size")

    def change():
        turn[0] += 1
        width, height = sizes[turn[0] % len(sizes)]
        filter_.set_property(
            "caps", Gst.Caps.from_string(caps(width, height, mount.get("fps", 10)))
        )
        return True

    GLib.timeout_add(int(1000 * mount.get("size_s", 2)), change)


def require(server, user, password):
    """Ask every client for its user and password."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


def main():
    """Serve until standard input ends."""
    options = json.loads(sys.argv[1])
    Gst.init(None)
    loop, server = GLib.MainLoop(), GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.get("port", 0)))
    if "password" in options:
        require(server, options["user"], options["password"])
    for path, mount in options["mounts"].items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch(mount))
        factory.set_shared(True)
        if "password" in options:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("user", "media.factory.access", True)
            permissions.add_permission_for_role("user", "media.factory.construct", True)
            factory.set_permissions(permissions)
        if "sizes" in mount:
            factory.connect(
                "media-configure", lambda _, media, mount=mount: change_sizes(media, mount)
            )
        server.get_mount_points().add_factory(path, factory)
    if server.attach(None) == 0:
        sys.exit(f"port {options.get('port')} is taken")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


main()
