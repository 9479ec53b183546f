// Package store reads, from the host's side, what a container engine keeps in a sandbox: its images and its containers.
//
// The engine is podman, and what it keeps is in the format of containers/storage with the overlay driver. In the sandbox it stands in
// /var/lib/containers/storage, and the images that come with the lab in a second, read-only place that
// /etc/containers/storage.conf names (additionalimagestores, containers-storage.conf(5)):
//
//	overlay-images/images.json          the images: ids, names, the topmost layer of each
//	overlay-images/ID/manifest          the image's manifest
//	overlay-images/ID/=BASE64           other files of it, the configuration among them; the name is in base64
//	overlay-layers/layers.json          the layers: each one's parent, digest and size
//	overlay/LAYER/diff/                 the files of a layer, with the whiteouts of an overlay
//	overlay-containers/containers.json  the containers: names, image, the layer that each writes to
//	overlay-containers/ID/userdata/config.json
//	                                    what the runtime was told when the container was started (OCI runtime specification)
//	overlay-containers/ID/userdata/ctr.log
//	                                    what it printed
//
// A [Store] is asked for one image or container by name, as the engine's commands name them:
//
//	image, err := store.Image("app")
//	file, err := image.File("/hello")       // in the merged view of its layers
//	layers, err := image.LayersWith("/key") // those that contain it, even if a later one deletes it
//	container, err := store.Container("web", 0)
//
// # What is trusted
//
// All of it is the learner's to write, so nothing is believed beyond what it says: whether a container runs is the kernel's to tell,
// not the store's. Files are opened below the sandbox's root and nowhere else (package kernel says how); what they hold is bounded
// before it is parsed; layers are looked through name by name, with the rules of overlayfs, and without mounting anything.
//
// # What is an error
//
// An image, container or file that is not there has Exists false. A file of the store's that is there and cannot be understood is an
// [*Error] that names it: it is no wrong answer, and no panic. So is one that is too large, or takes too long.
//
// # What it costs
//
// Nothing is read before it is asked for. The lists are parsed again only when their files have changed. A layer, which never changes
// once it is written, is walked through once.
package store
