package nodeimage

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	sitefs "github.com/nov30/nov30/fixtures/site"
)

// derive pulls kind's official image, pinned by digest, and adds in a layer of its own what it lacks: packages, our
// network unit, and the images of the site. Its CNI, etcd and Kubernetes stay the official ones.
func (b Builder) derive(ctx context.Context, r Recipe, official, ref string) error {
	err := b.step("pull "+official, func() error {
		ctx, cancel := context.WithTimeout(ctx, pullTimeout)
		defer cancel()
		_, err := b.Engine.Run(ctx, nil, "pull", "--quiet", official)
		return err
	})
	if err != nil {
		return err
	}
	return b.step("derive "+ref, func() error {
		kubernetes := strings.SplitN(strings.TrimPrefix(official, "kindest/node:"), "@", 2)[0]
		site, err := b.own(ctx, sitefs.FS, "app")
		if err != nil {
			return err
		}
		out, err := b.Engine.Run(ctx, nil, "run", "--detach", "--rm", "--privileged", "--label", "nov30.stage=1",
			"--entrypoint", "sleep", official, stageLife)
		if err != nil {
			return err
		}
		s := &stage{b: b, id: strings.TrimSpace(string(out))}
		defer s.remove()
		install := "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends " +
			strings.Join(r.OfficialLacks, " ") + ` && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* &&
systemctl disable ssh.service systemd-resolved.service nginx.service && systemctl enable nov30-net.service`
		if err := s.copyIn(ctx, networkFiles); err != nil {
			return err
		}
		if _, err := s.exec(ctx, nil, "sh", "-c", install); err != nil {
			return fmt.Errorf("install %s: %w", strings.Join(r.OfficialLacks, " "), err)
		}
		if err := s.loadImages(ctx, func(path string) error { return writeArchive(path, siteOnly(site)) }); err != nil {
			return err
		}
		return s.commit(ctx, ref, kubernetes, official)
	})
}

// networkFiles writes the unit that keeps a node's traffic on the machine.
func networkFiles(t *archive) error {
	for name, mode := range map[string]fs.FileMode{"etc/systemd/system/nov30-net.service": 0o644, "usr/local/sbin/nov30-net": 0o755} {
		text, err := nodeimagefs.FS.ReadFile("files/" + name)
		if err != nil {
			return err
		}
		if err := t.bytes(name, mode, text); err != nil {
			return err
		}
	}
	return nil
}
