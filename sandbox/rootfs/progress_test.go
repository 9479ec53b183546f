package rootfs

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPartsOfAStep(t *testing.T) {
	var told []Progress
	to := &teller{hear: func(p Progress) { told = append(told, p) }}
	whole := &Progress{Step: "making image nginx", Done: 3, Total: 12, Unit: Images}
	to.say("waiting")
	to.within(whole)
	to.tell(Progress{Step: "downloading", Done: 1, Total: 2, Unit: Bytes})
	to.within(nil)
	to.say("cleaning up")
	want := []Progress{
		{Step: "waiting"},
		{Step: "downloading", Done: 1, Total: 2, Unit: Bytes, Of: whole},
		{Step: "cleaning up"},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	var nobody *teller
	nobody.say("nothing") // and does not fall over
}

func TestWatched(t *testing.T) {
	looked := make(chan struct{})
	looks := 0
	failure := errors.New("no space left")
	err := watched(func() error {
		<-looked
		return failure
	}, func() {
		if looks++; looks == 2 {
			close(looked)
		}
	})
	if !errors.Is(err, failure) || looks < 2 {
		t.Errorf("looked %d times, then %v; want twice, and %v", looks, err, failure)
	}
}
