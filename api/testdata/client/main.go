// Command client makes a number at the server of its first argument with the token of its
// second one, looks for it, and prints what it was told.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	c, err := NewClientWithResponses(os.Args[1], WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Args[2])
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	ctx, part, site, cell := context.Background(), "PART-001", "plant1", map[string]string{"cell": "B7"}
	made, err := c.GenerateSerialsWithResponse(ctx, nil, GenerateBody{PartId: &part, SiteId: &site, Context: &map[string]any{"cell": "B7"}})
	if err != nil {
		log.Fatal(err)
	}
	if made.JSON201 == nil {
		log.Fatalf("%s: %+v", made.Status(), made.ApplicationproblemJSON422)
	}
	fmt.Println("made", *made.JSON201.SerialNumber, *made.JSON201.Id, *made.JSON201.Status)
	active, limit := SerialsParamsStatusACTIVE, int64(1)
	found, err := c.SerialsWithResponse(ctx, &SerialsParams{PartId: &part, Status: &active, Attributes: &cell, Limit: &limit})
	if err != nil {
		log.Fatal(err)
	}
	if found.JSON200 == nil {
		log.Fatalf("%s: %+v", found.Status(), found.ApplicationproblemJSON400)
	}
	fmt.Println("found", len(found.JSON200.Data), "of", found.JSON200.Total, *found.JSON200.Data[0].SerialNumber)
}
