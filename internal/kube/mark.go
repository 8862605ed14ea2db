package kube

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"holdfast.dev/holdfast/internal/rules/epoch"
)

// MarkName is the ConfigMap with the copy of the store's mark. Raising its epoch by hand
// begins a new one.
const MarkName = "holdfast-store"

// Marks keeps a copy of the store's mark outside the store, in a ConfigMap of Holdfast's
// own namespace: restored from a backup, the store is behind it.
type Marks struct {
	ConfigMaps corev1client.ConfigMapInterface
}

// Copy is the mark as it was read, to be replaced only while nobody else has.
type Copy struct {
	Mark   epoch.Mark
	object *corev1.ConfigMap
}

const (
	markEpoch = "epoch"
	markBeat  = "beat"
)

// Read returns the copy; its mark is zero where there is none.
func (m Marks) Read(ctx context.Context) (Copy, error) {
	object, err := m.ConfigMaps.Get(ctx, MarkName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return Copy{}, nil
	}
	if err != nil {
		return Copy{}, fmt.Errorf("read the store's mark in ConfigMap %s: %w", MarkName, err)
	}
	c := Copy{object: object}
	for key, value := range map[string]*int64{markEpoch: &c.Mark.Epoch, markBeat: &c.Mark.Beat} {
		if *value, err = strconv.ParseInt(object.Data[key], 10, 64); err != nil || *value < 0 {
			return Copy{}, fmt.Errorf("ConfigMap %s: %q holds no number: write the highest %s that the store has had, or a higher one", MarkName, key, key)
		}
	}
	return c, nil
}

// Write replaces a copy by the mark that the store has moved to since it was read. Where
// somebody else was faster, theirs stands: it is no older than what was read.
func (m Marks) Write(ctx context.Context, read Copy, mark epoch.Mark) error {
	data := map[string]string{markEpoch: strconv.FormatInt(mark.Epoch, 10), markBeat: strconv.FormatInt(mark.Beat, 10)}
	var err error
	if read.object == nil {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: MarkName}, Data: data}
		_, err = m.ConfigMaps.Create(ctx, object, metav1.CreateOptions{FieldManager: string(FieldOwner)})
	} else {
		object := read.object.DeepCopy()
		object.Data = data
		_, err = m.ConfigMaps.Update(ctx, object, metav1.UpdateOptions{FieldManager: string(FieldOwner)})
	}
	if err == nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("write the store's mark to ConfigMap %s: %w", MarkName, err)
}
