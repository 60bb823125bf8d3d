"""A real RTSP server of GStreamer on loopback, for tests and drills; run by Debian's own Python.

    /usr/bin/python3 rtsp_server.py '{"port": 0, "mounts": {"/live": {"pattern": "ball"}}}'

The keys of a mount are the names in `MOUNT`; `sizes` is a list of [width, height] that follow one
another, each for `size_s`, and `loss` the share of its RTP packets that are thrown away. `user` and
`password` beside `mounts` make it ask for them. The first line that it prints is its port. It ends
when its standard input does.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

MOUNT = {
    "kind": "video",
    "pattern": "ball",
    "width": 320,
    "height": 240,
    "fps": 10,
    "keyframes": 10,
    "bitrate": 500,
    "sizes": None,
    "size_s": 2.0,
    "loss": 0.0,
}
VIDEO = (
    "( videotestsrc is-live=true pattern={pattern} ! capsfilter name=size caps={caps}"
    " ! x264enc tune=zerolatency sliced-threads=false threads=1 speed-preset=ultrafast"
    " bitrate={bitrate} key-int-max={keyframes} bframes=0"
    " ! rtph264pay pt=96 mtu=600 config-interval=-1"
    " ! identity name=pay0 drop-probability={loss} )"
)
SOUND = "( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )"


# Says what it is, and never gives a picture.
MUTE = "( videotestsrc is-live=true ! valve drop=true ! x264enc ! rtph264pay name=pay0 pt=96 )"


def caps(width, height, fps):
    """Return the caps of pictures as GStreamer writes them."""
    return f"video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"


def launch(mount):
    """Return the pipeline of a mount."""
    if mount["kind"] != "video":
        return {"sound": SOUND, "mute": MUTE}[mount["kind"]]
    width, height = mount["sizes"][0] if mount["sizes"] else (mount["width"], mount["height"])
    return VIDEO.format(**mount | {"caps": f'"{caps(width, height, mount["fps"])}"'})


def change_sizes(media, mount):
    """Give the pictures of a stream other sizes, one after the other."""
    turn = [0]
    size = media.get_element().get_by_name_recurse_up("size")

    def change():
        turn[0] += 1
        width, height = mount["sizes"][turn[0] % len(mount["sizes"])]
        size.set_property("caps", Gst.Caps.from_string(caps(width, height, mount["fps"])))
        return True

    GLib.timeout_add(int(1000 * mount["size_s"]), change)


def factory_of(mount, guarded):
    """Return what makes the streams of a mount, one for all its clients."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch(mount))
    factory.set_shared(True)
    if guarded:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    if mount["sizes"]:
        factory.connect("media-configure", lambda _, media: change_sizes(media, mount))
    return factory


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
    guarded = "password" in options
    Gst.init(None)
    loop, server = GLib.MainLoop(), GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.get("port", 0)))
    if guarded:
        require(server, options["user"], options["password"])
    for path, mount in options["mounts"].items():
        server.get_mount_points().add_factory(path, factory_of(MOUNT | mount, guarded))
    if server.attach(None) == 0:
        sys.exit(f"port {options.get('port')} is taken")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


main()
